import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { parse, stringify } from "yaml";
import { findDbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import type { CheckResult } from "../../src/model/check.ts";
import type { ReleaseRecord } from "../../src/model/release-record.ts";
import type { Reader } from "../../src/reader/reader.ts";
import { openReader } from "../../src/workspace/open-reader.ts";
import { binPath, startProgram, type Child } from "../support/child.ts";
import { historyOf, manifestBytes } from "../support/store.ts";
import type { Outcome } from "./outcomes.ts";

const example = fileURLToPath(new URL("../../examples/marts-dbt/dbt", import.meta.url));

/** What a command of ours came to. */
export interface Said {
  readonly exit: number | null;
  /** What it printed; of a publish: */
  readonly outcome?: string;
  readonly build?: string;
  readonly release?: string;
  readonly checks: readonly CheckResult[];
  readonly tables: readonly { readonly schema: string; readonly name: string; readonly rows?: number }[];
  /** Of a query: */
  readonly rows?: readonly unknown[][];
  /** Of `releases show`: */
  readonly provenance?: ReleaseRecord["provenance"];
  /** The error, where it ended with one. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  readonly stderr: string;
}

/** Files of a project by their paths; `undefined`: there is none. */
export type Edits = Readonly<Record<string, string | undefined>>;

/** The words that run dbt in a workspace; `words` are dbt's. */
export function dbtWords(...words: readonly string[]): string[] {
  return ["dbt", "--no-use-colors", ...words, "--project-dir", "dbt", "--profiles-dir", "dbt"];
}

/** How a workspace's commands are run. */
export interface Running {
  /** Of the source, for one. */
  readonly env?: NodeJS.ProcessEnv;
  /** Words before a command, which run it somewhere else. */
  readonly prefix?: readonly string[];
  /** Where this process sees the folder that the commands call by its own name. */
  readonly seen?: string;
}

/** A workspace with a dbt project in `dbt` and stores of Parquet tables that it builds. */
export class DbtWorkspace {
  readonly cwd: string;
  readonly #running: Running;

  constructor(cwd: string, running: Running = {}) {
    this.cwd = cwd;
    this.#running = running;
  }

  /** Writes lockkeeper.toml: a store of each name with these artifacts and checks, in TOML. */
  configure({ stores = ["marts"], artifacts = `[{ kind = "parquet", path = "." }]`, checks = "[]" } = {}): void {
    const text = stores.map(
      (name) =>
        `[stores.${name}]\nkind = "release"\ndir = "data/${name}"\nlayout = "releases"\nartifacts = ${artifacts}\nchecks = ${checks}\n`,
    );
    writeFileSync(join(this.cwd, "lockkeeper.toml"), `format = 1\n${text.join("")}`);
  }

  /** Writes files of the project. */
  edit(edits: Edits): void {
    for (const [name, text] of Object.entries(edits)) {
      const path = join(this.cwd, "dbt", name);
      if (text === undefined) rmSync(path, { force: true });
      else {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
    }
  }

  /** The text of a file of the project. */
  text(name: string): string {
    return readFileSync(join(this.cwd, "dbt", name), "utf8");
  }

  /** Runs an action on an edited project; the files are then as they were. */
  async edited<Value>(edits: Edits, action: () => Promise<Value>): Promise<Value> {
    const before = Object.fromEntries(
      Object.keys(edits).map((name) => [name, existsSync(join(this.cwd, "dbt", name)) ? this.text(name) : undefined]),
    );
    this.edit(edits);
    try {
      return await action();
    } finally {
      this.edit(before);
    }
  }

  /** Starts a command of the command line. */
  start(words: readonly string[], more: NodeJS.ProcessEnv = {}): Child {
    const dbt = findDbt();
    if ("why" in dbt) throw new Error(dbt.why);
    const { env, prefix = [] } = this.#running;
    const neutral = { LOCKKEEPER_CONFIG: undefined, DUCKDB_PATH: undefined, PARQUET_DIR: undefined };
    return startProgram([...prefix, process.execPath, binPath, "--json", ...words], {
      cwd: this.cwd,
      env: { ...neutral, ...dbt.env, ...env, ...more },
    });
  }

  /** Runs a command of the command line to its end. */
  run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
    return said(this.start(words, env));
  }

  /** Publishes what a command builds: by default `dbt build`. */
  publish(
    command: readonly string[] = dbtWords("build"),
    {
      store = "marts",
      words = [],
      env = {},
    }: { readonly store?: string; readonly words?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<Said> {
    return this.run(["publish", store, ...words, "--", ...command], env);
  }

  /** Of a store. */
  folder(store = "marts"): string {
    return join(this.#running.seen ?? this.cwd, "data", store);
  }

  /** Runs an action, and asserts that nothing of the store is another after it: its manifest, every file of its active release, and what a reader answers; no build is left. */
  async unchanged<Value>(action: () => Promise<Value>, store = "marts"): Promise<Value> {
    const [before, builds] = [await this.state(store), this.builds(store)];
    const value = await action();
    expect(await this.state(store)).toEqual(before);
    expect(this.builds(store).filter((build) => !builds.includes(build))).toEqual([]);
    return value;
  }

  /** Runs a publish, and asserts that it comes to what docs/dbt.md says of such a build: its exit code, what is kept of it, what the history tells, and that nothing else has changed. */
  async comesTo(outcome: Outcome, publish: () => Promise<Said>, store = "marts"): Promise<Said> {
    const { comes, exit, kept } = outcome;
    const quarantined = () => namesIn(join(this.folder(store), ".lockkeeper/quarantine"));
    const [before, told] = [quarantined(), existsSync(this.folder(store)) ? historyOf(this.folder(store)).length : 0];
    const result = kept === "release" ? await publish() : await this.unchanged(publish, store);
    expect({ comes: result.outcome ?? result.error?.code, exit: result.exit, stderr: result.stderr }).toMatchObject({
      comes,
      exit,
    });
    const build = quarantined().find((name) => !before.includes(name));
    const event = {
      release: "release.switched",
      whole: comes === "refused" ? "release.refused" : "build.failed",
      report: "build.failed",
      nothing: "",
    }[kept];
    expect(
      historyOf(this.folder(store))
        .slice(told)
        .map(({ type }) => type),
    ).toEqual(kept === "nothing" ? [] : [event]);
    expect(build === undefined).toBe(kept === "release" || kept === "nothing");
    if (build === undefined) return result;
    const { names } = this.quarantined(build, store);
    expect(names).toEqual(
      kept === "report" ? ["build.log", "report.json"] : expect.arrayContaining(["build.log", "dbt-target", "report.json"]),
    );
    return { ...result, build };
  }

  /** What may not change when a build comes to nothing. */
  async state(store = "marts"): Promise<unknown> {
    const folder = this.folder(store);
    const manifest = manifestBytes(folder);
    const release = join(folder, "releases", (JSON.parse(manifest) as { release: string }).release);
    const files = readdirSync(release, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const digests = files.map(({ parentPath, name }) => `${join(parentPath, name)} ${sha256(join(parentPath, name))}`);
    const rows = await this.#reading(store, async (reader) => {
      const tables = await reader.query("SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL");
      const counts = tables.rows.map(([schema, name]) => `SELECT count(*) FROM "${String(schema)}"."${String(name)}"`);
      return [tables.rows, (await reader.query(`SELECT [${counts.map((count) => `(${count})`).join(", ")}]`)).rows];
    });
    return { manifest, releases: readdirSync(join(folder, "releases")), digests: digests.toSorted(), rows };
  }

  /** Rows as a reader of the store finds them now. */
  read(sql: string, store = "marts"): Promise<string[][]> {
    return this.#reading(store, async (reader) => (await reader.query(sql)).rows.map((row) => row.map(String)));
  }

  async #reading<Value>(store: string, use: (reader: Reader) => Promise<Value>): Promise<Value> {
    const reader = await openReader({ dir: this.folder(store) });
    try {
      return await use(reader);
    } finally {
      await reader.close();
    }
  }

  /** A JSON file of a release. */
  releaseJson(release: string, name: string, store = "marts"): unknown {
    return JSON.parse(readFileSync(join(this.folder(store), "releases", release, name), "utf8"));
  }

  /** Builds that are under way, or were left. */
  builds(store = "marts"): string[] {
    return readdirSync(join(this.folder(store), ".lockkeeper/builds"));
  }

  /** What lies in quarantine of a build, and its report. */
  quarantined(build: string, store = "marts") {
    const folder = join(this.folder(store), ".lockkeeper/quarantine", build);
    const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as {
      outcome: string;
      checks: readonly CheckResult[];
    };
    return { folder, names: readdirSync(folder).toSorted(), log: readFileSync(join(folder, "build.log"), "utf8"), ...report };
  }
}

/** What the example's source is filled with. */
export const smallest = { users: 5, days: 40, per_day: 5 };

/** A workspace with the example's project, of which it has these models alone: fewer models are fewer seconds of dbt. Those that are `undescribed` have neither tests nor datasets. */
export function exampleWorkspace(
  cwd: string,
  {
    env,
    models,
    undescribed = [],
  }: { readonly env: NodeJS.ProcessEnv; readonly models: readonly string[]; readonly undescribed?: readonly string[] },
): DbtWorkspace {
  const project = join(cwd, "dbt");
  for (const name of ["dbt_project.yml", "profiles.yml", "models/staging/sources.yml"])
    cpSync(join(example, name), join(project, name));
  for (const folder of ["staging", "marts"]) {
    const own = models.filter((model) => existsSync(join(example, "models", folder, `${model}.sql`)));
    for (const model of own)
      cpSync(join(example, "models", folder, `${model}.sql`), join(project, "models", folder, `${model}.sql`));
    const described = parse(readFileSync(join(example, "models", folder, `${folder}.yml`), "utf8")) as {
      models: { name: string }[];
    };
    const kept = described.models.filter(({ name }) => own.includes(name) && !undescribed.includes(name));
    writeFileSync(join(project, "models", folder, `${folder}.yml`), stringify({ ...described, models: kept }));
  }
  const workspace = new DbtWorkspace(cwd, { env });
  workspace.configure();
  return workspace;
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** What a command that was started comes to. */
export async function said(child: Child): Promise<Said> {
  const { code } = await child.ended;
  const [last, lines] = [child.stdout().trimEnd(), child.stderr().trimEnd().split("\n")];
  const document = (last === "" ? {} : JSON.parse(last)) as Partial<Said>;
  const failed = last === "" ? (JSON.parse(lines.at(-1) ?? "{}") as Partial<Said>) : {};
  return { checks: [], tables: [], ...document, ...failed, exit: code, stderr: child.stderr() };
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Checks that are no pass, one a line. */
export function findings({ checks }: Pick<Said, "checks">): string[] {
  return checks.filter(({ status }) => status !== "pass").map(({ name, severity, status }) => `${status} ${severity} ${name}`);
}

/** A workspace with a project without sources: a mart, an empty one, and a table in dbt's database. */
export function tinyWorkspace(cwd: string, running?: Running): DbtWorkspace {
  const workspace = new DbtWorkspace(cwd, running);
  workspace.edit({
    "dbt_project.yml": "name: tiny\nprofile: tiny\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": `tiny:
  target: build
  outputs:
    build:
      type: duckdb
      path: "{{ env_var('DUCKDB_PATH') }}"
      external_root: "{{ env_var('PARQUET_DIR') }}"
`,
    "models/numbers.sql": "{{ config(materialized='external', schema='mart') }}\nselect range as n from range(3)",
    "models/nothing.sql": "{{ config(materialized='external', schema='mart') }}\nselect 1 as n where false",
    "models/words.sql": "{{ config(materialized='table') }}\nselect 'one' as word",
  });
  workspace.configure();
  return workspace;
}
