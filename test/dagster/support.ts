import { execFile, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { binPath } from "../support/child.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const python = join(root, ".python-dbt/bin/python");

/** Why Dagster cannot be asked here; empty where it can. */
export const whyNoDagster = existsSync(python) ? probe() : "there is no .python-dbt with dagster";

function probe(): string {
  const { status, error, stderr } = spawnSync(python, ["-c", "import dagster, duckdb"], { encoding: "utf8" });
  return status === 0 ? "" : (error?.message ?? stderr.trim().split("\n").at(-1) ?? "it ended with a signal");
}

/** What Dagster has recorded of a run; scenarios.py makes it. */
export interface Recorded {
  readonly name: string;
  readonly status: string;
  /** Of the command line: how it ended, and the release of the asset's last materialisation in the end. */
  readonly exit?: number;
  readonly latest?: string;
  readonly assets: readonly { readonly key: string; readonly version: string; readonly metadata: Record<string, unknown> }[];
  readonly checks: Readonly<
    Record<string, { readonly passed: boolean; readonly severity: string; readonly message: string; readonly ofThisRun: boolean }>
  >;
  readonly failures: readonly string[];
  /** Exceptions that ended a session. */
  readonly closed: readonly { readonly event: string; readonly name: string; readonly message: string }[];
  readonly log: readonly string[];
}

/** Makes `folder` a workspace with the store `marts`, and programs `lockkeeper` and `dbt`, which runs the SQL in `sql/all.sql`; the environment that finds them. */
export function martsWorkspace(folder: string): Record<string, string> {
  const checks = [
    '{ check = "rows", table = "companies", min = 2 }',
    '{ check = "rows", table = "filings", max = 1, severity = "warn" }',
  ];
  const store = `[stores.marts]\nkind = "release"\ndir = "data"\nchecks = [${checks.join(", ")}]\n`;
  writeFileSync(join(folder, "lockkeeper.toml"), `format = 1\n[serve]\nlisten = "127.0.0.1:4711"\n${store}`);
  const programs = join(folder, "bin");
  mkdirSync(programs);
  const sql = 'import duckdb, os; duckdb.connect(os.environ["DUCKDB_PATH"]).execute(open("sql/all.sql").read())';
  for (const [name, line] of [
    ["lockkeeper", `exec '${process.execPath}' '${binPath}' "$@"`],
    ["dbt", `exec '${python}' -c '${sql}'`],
  ] as const) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(programs, name), 0o755);
  }
  return { PATH: `${programs}${delimiter}${process.env["PATH"] ?? ""}` };
}

/** Runs every scenario; what Dagster recorded of each, by name. Rejects with the standard error of what failed. */
export async function runScenarios(
  folder: string,
  { env, pages }: { readonly env: Record<string, string>; readonly pages: readonly string[] },
): Promise<{ readonly runs: ReadonlyMap<string, Recorded>; readonly stderr: string }> {
  const scenarios = fileURLToPath(new URL("scenarios.py", import.meta.url));
  const example = join(root, "examples/marts-dbt/dagster");
  const { stdout, stderr } = await promisify(execFile)(python, [scenarios, folder, example, '["lockkeeper"]', ...pages], {
    cwd: folder,
    env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: "1", DAGSTER_DISABLE_TELEMETRY: "yes", DAGSTER_HOME: undefined },
    maxBuffer: 64 * 1024 * 1024,
  });
  const lines = stdout.split("\n").filter((line) => line.startsWith("told "));
  const runs = lines.map((line) => JSON.parse(line.slice("told ".length)) as Recorded);
  return { runs: new Map(runs.map((run) => [run.name, run])), stderr };
}
