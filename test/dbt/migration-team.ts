import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import type { Cluster } from "../../examples/lib/postgres.mjs";
import { sha256Hex } from "../../src/model/manifest.ts";
import { binPath, startProgram, type Child } from "../support/child.ts";
import { writeFromOutside } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { exampleProject } from "./support.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/dbt-migration.md", import.meta.url)), "utf8");

/** The commands and files of docs/dbt-migration.md, by name. */
export const snippets: ReadonlyMap<string, string> = new Map(
  [...page.matchAll(/<!-- run: (\S+) -->\n```\w+\n([\s\S]*?)```/g)].map(([, name = "", code = ""]) => [name, code]),
);

/** How many fenced blocks the page has. */
export const blocks = [...page.matchAll(/^```\w+$/gm)].length;

/** The names of those that were run. */
export const ran = new Set<string>();

/** A snippet of the page, which counts as run. */
export function snippet(name: string): string {
  const code = snippets.get(name);
  if (code === undefined) throw new Error(`docs/dbt-migration.md has no snippet ${name}`);
  ran.add(name);
  return code;
}

/** The rows of user 7 are what it may see. */
const token = "of-the-app";

/** A team's folder, as the page finds it: the project of examples/marts-dbt with tables for marts, and what they type. */
export class Team {
  readonly folder = temporaryFolder();
  readonly #environment: NodeJS.ProcessEnv;

  constructor(cluster: Cluster, dbt: Dbt) {
    this.#environment = {
      ...cluster.env,
      ...dbt.env,
      PATH: [join(this.folder, "bin"), dbt.env["PATH"]].join(delimiter),
      LOCKKEEPER_CONFIG: undefined,
      DUCKDB_PATH: undefined,
      PARQUET_DIR: undefined,
      DBT_USE_COLORS: "false",
      // What the project's own tests say, project.proof.ts hears.
      DBT_EXCLUDE_RESOURCE_TYPES: "test",
      TOKEN: token,
      APP_TOKEN_SHA256: sha256Hex(token),
    };
    cpSync(exampleProject, join(this.folder, "dbt"), { recursive: true });
    mkdirSync(join(this.folder, "bin"));
    mkdirSync(join(this.folder, "data"));
    symlinkSync(binPath, join(this.folder, "bin", "lockkeeper"));
    this.edit("dbt_project.yml", /^ {4}marts:\n(?: {6}\+.*\n)+/m, snippet("project-before"));
    this.edit("profiles.yml", /^ {6}path: .*\n {6}external_root: .*\n/m, snippet("profile-before"));
    this.edit("models/marts/fct_merchant_spend.sql", "count(*) as transactions", "sum(1) as transactions");
    for (const name of ["requests.txt", "record.sh", "lockkeeper.toml"]) writeFileSync(join(this.folder, name), snippet(name));
  }

  /** Changes a file of the dbt project in one place. */
  edit(name: string, from: string | RegExp, to: string): void {
    const path = join(this.folder, "dbt", name);
    const text = readFileSync(path, "utf8");
    const edited = text.replace(from, () => to);
    if (edited === text) throw new Error(`${name} has no ${String(from)}`);
    writeFileSync(path, edited);
  }

  /** Puts lines of the page in the place of those that a step before had put there. */
  turn(from: "before" | "both" | "after", to: "both" | "after"): void {
    this.edit("dbt_project.yml", snippet(`project-${from}`), snippet(`project-${to}`));
    this.edit("profiles.yml", snippet(`profile-${from}`), snippet(`profile-${to}`));
  }

  /** Starts commands of the page. */
  begin(name: string, env: NodeJS.ProcessEnv = {}): Child {
    return startProgram(["sh", "-ec", snippet(name)], { cwd: this.folder, env: { ...this.#environment, ...env } });
  }

  /** Runs commands of the page; resolves with what they printed, throws what they said where one fails. */
  async run(name: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = this.begin(name, env);
    const { code } = await child.ended;
    if (code !== 0) throw new Error(`${name}: exit ${code}: ${child.stdout()}${child.stderr()}`);
    return child.stdout();
  }

  /** Whether a program that writes the shared file would get it. */
  async isFree(): Promise<boolean> {
    return (await writeFromOutside(join(this.folder, "data/analytics.duckdb"), "SELECT 1")) === "written";
  }

  /** Starts the API by a command of the page, on a free port. */
  async startApi(name: string): Promise<Api> {
    const command = snippet(name).replace(
      /^((?:\w+=\S+ )?)lockkeeper serve$/m,
      "exec env $1lockkeeper serve --json --listen 127.0.0.1:0",
    );
    const child = startProgram(["sh", "-ec", command], { cwd: this.folder, env: this.#environment });
    const { url } = JSON.parse(await child.line('{"schema":"lockkeeper/serve@1"')) as { readonly url: string };
    return new Api(url, child);
  }

  /** What the page's requests are answered with by an API, as the page writes it down. */
  async record(api: Api, name: string): Promise<string> {
    await this.run("record", { API: api.url });
    const text = readFileSync(join(this.folder, "answers.file"), "utf8");
    writeFileSync(join(this.folder, name), text);
    return text;
  }
}

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** `lockkeeper serve`, asked by its app. */
export class Api {
  readonly url: string;
  readonly #process: Child;

  constructor(url: string, process: Child) {
    this.url = url;
    this.#process = process;
  }

  async ask(path: string): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, { headers: { Authorization: `Bearer ${token}` } });
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#process.process.kill("SIGTERM");
    expect(await this.#process.ended).toEqual({ code: 0, signal: null });
  }

  /** Begins to ask, and goes on until `end()`. */
  askAllTheTime(): SteadyClient {
    return new SteadyClient(this);
  }
}

/** Between two requests, so that dbt gets some of the machine, too. Far less than what a reader waits before it lets a fallback go. Milliseconds. */
const pauseMs = 50;

/** A client that asks for rows all the time. */
export class SteadyClient {
  readonly failed: string[] = [];
  answered = 0;
  readonly #api: Api;
  readonly #asking: Promise<void>;
  #release: string | null = null;
  #over = false;

  constructor(api: Api) {
    this.#api = api;
    this.#asking = this.#ask();
  }

  /** Resolves once it is answered from there. */
  async sees(release: string): Promise<void> {
    await expect.poll(() => this.#release, { timeout: 30_000, interval: 20 }).toBe(release);
  }

  /** Stops asking; resolves when the last answer is there. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#asking;
  }

  async #ask(): Promise<void> {
    while (!this.#over) {
      try {
        const { status, headers, body } = await this.#api.ask("/api/analytics/datasets/fct_daily_spend/query?limit=5");
        if (status !== 200 || headers.has("Data-Status")) this.failed.push(`${status} ${body}`);
        this.#release = headers.get("Data-Release");
      } catch (error) {
        this.failed.push(String(error));
      }
      this.answered += 1;
      await setTimeout(pauseMs);
    }
  }
}
