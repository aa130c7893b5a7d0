import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { whyNoPython } from "../python/support.ts";
import { binPath, startProgram } from "../support/child.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(root, "docs/migration.md"), "utf8");
const snippets = new Map(
  [...page.matchAll(/<!-- run: (\S+) -->\n```\w+\n([\s\S]*?)```/g)].map(([, name = "", code = ""]) => [name, code]),
);
const ran = new Set<string>();

/** The ETL of the page: ten rows more each time. */
const etl = `
import { readFileSync, writeFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
const rows = Number(readFileSync(process.env.ROWS_FILE, "utf8")) + 10;
const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
const connection = await instance.connect();
await connection.run("CREATE OR REPLACE TABLE holdings AS SELECT range AS cik FROM range(" + rows + ")");
connection.closeSync();
instance.closeSync();
writeFileSync(process.env.ROWS_FILE, String(rows));
`;

function snippet(name: string): string {
  const code = snippets.get(name);
  if (code === undefined) throw new Error(`docs/migration.md has no snippet ${name}`);
  ran.add(name);
  return code;
}

/** A team's folder: the single file of 20 rows, the app of the page, and an ETL. */
class Team {
  readonly folder = temporaryFolder();
  /** Where the package's command is found, and what the ETL counts in. */
  readonly #environment = {
    PATH: `${join(this.folder, "bin")}:${process.env["PATH"] ?? ""}`,
    ROWS_FILE: join(this.folder, "rows"),
    LOCKKEEPER_CONFIG: undefined,
    DUCKDB_PATH: undefined,
  };

  async prepare(): Promise<this> {
    const { folder } = this;
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "lockkeeper"));
    symlinkSync(join(root, "node_modules/@duckdb"), join(folder, "node_modules", "@duckdb"));
    mkdirSync(join(folder, "bin"));
    symlinkSync(binPath, join(folder, "bin", "lockkeeper"));
    mkdirSync(join(folder, "data"));
    await writeDatabase(join(folder, "data/holdings.duckdb"), "CREATE TABLE holdings AS SELECT range AS cik FROM range(20)");
    writeFileSync(join(folder, "rows"), "20");
    writeFileSync(join(folder, "app.mjs"), snippet("app.mjs"));
    writeFileSync(join(folder, "etl.mjs"), etl);
    return this;
  }

  /** Runs commands of the page; throws what they said where one fails. */
  async run(name: string): Promise<void> {
    const child = startProgram(["sh", "-ec", snippet(name)], { cwd: this.folder, env: this.#environment });
    const { code } = await child.ended;
    if (code !== 0) throw new Error(`${name}: exit ${code}: ${child.stderr()}`);
  }

  /** Starts the app by the page's command, or without its variable, and asks it all the time until the test ends. */
  async startApp(command = snippet("start")): Promise<App> {
    const env = { ...this.#environment, PORT: "0" };
    const child = startProgram(["sh", "-ec", `exec env ${command}`], { cwd: this.folder, env });
    return new App(await child.line("http://"));
  }

  async runPython(name: string): Promise<void> {
    copyFileSync(join(root, "clients/python/lockkeeper.py"), join(this.folder, "lockkeeper.py"));
    const child = startProgram(["python3", "-c", snippet(name)], { cwd: this.folder, env: this.#environment });
    expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
  }
}

interface Answer {
  readonly holdings: number;
  readonly dbVersion: number;
}

/** The app, asked without a pause. */
class App {
  readonly failed: string[] = [];
  readonly #url: string;
  #last: Answer | undefined;
  #over = false;

  constructor(url: string) {
    this.#url = url;
    const asking = this.#ask();
    onTestFinished(async () => {
      this.#over = true;
      await asking;
    });
  }

  /** Resolves once it answers with so many rows under a version; 0 is the single file. */
  async answers(holdings: number, dbVersion: number): Promise<void> {
    await expect.poll(() => this.#last, { timeout: 30_000, interval: 20 }).toMatchObject({ holdings, dbVersion });
  }

  async #ask(): Promise<void> {
    while (!this.#over) {
      try {
        const response = await fetch(this.#url);
        const text = await response.text();
        if (response.ok) this.#last = JSON.parse(text) as Answer;
        else this.failed.push(text);
      } catch (error) {
        this.failed.push(String(error));
      }
    }
  }
}

describe("docs/migration.md", () => {
  test("through `init --from`: every step, back, and again, under an app that is asked all the time", async () => {
    const team = await new Team().prepare();
    const app = await team.startApp();
    await app.answers(20, 0);

    await team.run("init");
    await app.answers(20, 1);
    await team.run("undo-files");
    await app.answers(20, 0);
    await team.run("again");
    await app.answers(20, 2);

    await team.run("publish");
    await app.answers(30, 3);
    await team.run("publish");
    await app.answers(40, 4);
    await team.run("undo-etl");
    await app.answers(50, 0);
    await team.run("again");
    await app.answers(40, 5);
    await team.run("publish");
    await app.answers(60, 6);
    expect(app.failed).toEqual([]);

    const later = await team.startApp("node app.mjs");
    await team.run("clear");
    await later.answers(60, 6);
    await team.run("publish");
    await later.answers(70, 7);
    await team.run("undo-clear");
    await team.run("undo-files");
    const last = await team.startApp();
    await last.answers(70, 0);
    expect([later.failed, last.failed]).toEqual([[], []]);
  });

  test("by hand, then under care: every step, back, and again, under an app that is asked all the time", async () => {
    const team = await new Team().prepare();
    const app = await team.startApp();
    await app.answers(20, 0);
    await team.run("by-hand");
    await app.answers(20, 1);
    await team.run("undo-files");
    await app.answers(20, 0);
    await team.run("by-hand");
    await app.answers(20, 1);
    await team.run("adopt");
    await app.answers(20, 2);
    await team.run("publish");
    await app.answers(30, 3);
    await team.run("undo-etl");
    await app.answers(40, 0);
    expect(app.failed).toEqual([]);
  });

  test.skipIf(whyNoPython !== "")(`from Python, without Lockkeeper's command, and back${whyNoPython}`, async () => {
    const team = await new Team().prepare();
    const app = await team.startApp();
    await app.answers(20, 0);
    await team.run("by-hand");
    await app.answers(20, 1);
    await team.runPython("python");
    await app.answers(30, 2);
    await team.runPython("python");
    await app.answers(40, 3);
    await team.run("undo-etl");
    await app.answers(50, 0);
    expect(app.failed).toEqual([]);
  });

  test("no snippet is left out", () => {
    const python = whyNoPython === "" ? [] : ["python"];
    expect([...snippets.keys()].filter((name) => !ran.has(name) && !python.includes(name))).toEqual([]);
    expect(snippets.size).toBe([...page.matchAll(/^```\w+$/gm)].length);
  });
});
