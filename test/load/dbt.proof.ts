import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import type { Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import { sqlFile } from "../../examples/marts-dbt/demo/source.mjs";
import { exampleProject, whyNoDbtWithPostgres } from "../dbt/support.ts";
import { startWarmDbt } from "../dbt/warm.ts";
import { exampleWorkspace } from "../dbt/workspace.ts";
import { binPath, distUrl, startProgram, type Child } from "../support/child.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";

const script = fileURLToPath(new URL("marts-process.mjs", import.meta.url));
const publishes = 30;
/** Builds in place, written over; and after the folder was emptied. */
const rebuilds = 2;
const partitioned = "fct_transaction";
/** The models of the example in one of its folders. */
const modelsIn = (name: string): string[] =>
  readdirSync(join(exampleProject, "models", name)).flatMap((file) => (file.endsWith(".sql") ? [file.slice(0, -4)] : []));
const models = [...modelsIn("staging"), ...modelsIn("marts")];
/** What is asked for: all but the one without rows. */
const marts = modelsIn("marts").filter((name) => name !== "fct_chargeback");

interface Counts {
  readonly asked: number;
  readonly failed: number;
  readonly partial: number;
  readonly mixed: number;
  readonly messages: readonly string[];
}

interface Report {
  readonly single: Counts;
  readonly pair: Counts;
  /** Versions of the sources that were seen in each release. */
  readonly releases: Readonly<Record<string, readonly number[]>>;
}

describe.skipIf(whyNoDbtWithPostgres !== "")("dbt builds marts from PostgreSQL under eight readers", () => {
  let cluster: Cluster;
  const isThrough = whenThrough();
  let folder: string;
  let project: string;
  let dbt: Dbt;
  const advance = () => cluster.runFiles([sqlFile("advance")]);

  beforeAll(async () => {
    folder = temporaryFolder(isThrough);
    [cluster, dbt] = await Promise.all([startPostgres(), startWarmDbt(isThrough)]);
    // Tests are a third of a build, and are run by other proofs.
    project = join(exampleWorkspace(folder, { env: cluster.env, models, undescribed: models }).cwd, "dbt");
    const parts = { users: 5, days: 40, per_day: 8, through: "2026-10-31" };
    await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], parts);
  });
  afterAll(() => cluster.remove());

  test(`${publishes} releases one after the other: no read fails, none meets two builds or a part of one`, async () => {
    const workspace = join(folder, "workspace");
    mkdirSync(workspace);
    const build = [dbt.program, "--quiet", "build", "--project-dir", project, "--profiles-dir", project];
    writeFileSync(
      join(workspace, "lockkeeper.toml"),
      `format = 1\n[stores.marts]\nkind = "release"\ndir = "marts"\nlayout = "releases"\nretention = { keep = 3 }\n` +
        `artifacts = [{ kind = "parquet", path = "." }]\nbuild = { command = ${JSON.stringify(build)} }\n`,
    );
    await publish(workspace);
    const options = { dir: join(workspace, "marts") };
    const readers = await startReaders({ reader: distUrl("workspace/open-reader.js"), options });
    const expected: Record<string, number[]> = { r000001: [1] };
    for (let version = 2; version <= publishes; version++) {
      await advance();
      expect(await publish(workspace)).toMatchObject({ outcome: "switched", version });
      expected[`r${String(version).padStart(6, "0")}`] = [version];
    }
    await Promise.all(readers.map((reader) => reader.line(`switched ${publishes}`)));
    const report = await stopReaders(readers);
    expect(report.single).toMatchObject({ failed: 0, partial: 0, mixed: 0 });
    expect(report.pair).toMatchObject({ failed: 0, partial: 0, mixed: 0 });
    for (const [release, versions] of Object.entries(report.releases))
      expect([release, versions]).toEqual([release, expected[release]]);
    expect(Object.keys(report.releases).length).toBeGreaterThan(publishes * 0.8);
    expect(report.pair.asked).toBeGreaterThan(publishes * 5);
    tell(`${publishes} releases`, report);
  });

  test("the demonstration: marts that dbt writes in place give pairs from two builds", async () => {
    const report = await inPlace({ emptied: false });
    expect(report.pair.mixed).toBeGreaterThan(0);
    tell(`${rebuilds} builds in place`, report);
  });

  test("the demonstration: marts that dbt writes into an emptied folder are missing, or have no end yet", async () => {
    const report = await inPlace({ emptied: true });
    expect(report.single.failed).toBeGreaterThan(0);
    expect(report.single.messages.join()).toMatch(/No files found|too small|magic bytes|No such file|does not exist/);
    tell(`${rebuilds} builds into an emptied folder`, report);
  });

  /** What eight readers see of a folder that dbt writes again and again. */
  async function inPlace({ emptied }: { readonly emptied: boolean }): Promise<Report> {
    const [files, scratch] = [join(folder, `in-place-${emptied}`), join(folder, `scratch-${emptied}`)];
    mkdirSync(files);
    const build = async () => {
      mkdirSync(scratch, { recursive: true });
      const places = { DUCKDB_PATH: join(scratch, "build.duckdb"), PARQUET_DIR: files, DBT_TARGET_PATH: join(scratch, "target") };
      const env = { ...cluster.env, ...dbt.env, ...places, DBT_LOG_PATH: scratch, DBT_PROFILES_DIR: project };
      const child = startProgram([dbt.program, "--quiet", "build"], { cwd: project, env });
      const { code } = await child.ended;
      expect([code, child.stderr().slice(-2_000)]).toEqual([0, expect.any(String)]);
    };
    await build();
    const readers = await startReaders({ folder: files, pauseMs: 100 });
    for (let round = 1; round <= rebuilds; round++) {
      await advance();
      if (emptied) {
        for (const name of readdirSync(files)) rmSync(join(files, name), { recursive: true });
        rmSync(scratch, { recursive: true });
      }
      await build();
    }
    return stopReaders(readers);
  }

  async function publish(workspace: string): Promise<unknown> {
    const env = { ...cluster.env, ...dbt.env, LOCKKEEPER_CONFIG: undefined };
    const child = startProgram([process.execPath, binPath, "--json", "publish", "marts"], { cwd: workspace, env });
    const { code } = await child.ended;
    expect([code, child.stderr().slice(-2_000)]).toEqual([0, expect.any(String)]);
    return JSON.parse(child.stdout());
  }
});

test.runIf(whyNoDbtWithPostgres !== "")("dbt under readers is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});

/** Two processes of four loops. */
async function startReaders(of: Readonly<Record<string, unknown>>): Promise<Child[]> {
  const options = JSON.stringify({ marts, partitioned, loops: 4, pauseMs: 300, ...of });
  const readers = [1, 2].map(() => startProgram([process.execPath, script, options]));
  await Promise.all(readers.map((reader) => reader.line("ready")));
  return readers;
}

async function stopReaders(readers: readonly Child[]): Promise<Report> {
  const reports = await Promise.all(
    readers.map(async (reader) => {
      reader.send("stop");
      return JSON.parse((await reader.line("report ")).slice("report ".length)) as Report;
    }),
  );
  const releases: Record<string, number[]> = {};
  for (const [release, versions] of reports.flatMap((report) => Object.entries(report.releases)))
    releases[release] = [...new Set([...(releases[release] ?? []), ...versions])];
  return { single: sum(reports, "single"), pair: sum(reports, "pair"), releases };
}

function sum(reports: readonly Report[], kind: "single" | "pair"): Counts {
  const all = reports.map((report) => report[kind]);
  const total = (field: "asked" | "failed" | "partial" | "mixed") => all.reduce((count, counts) => count + counts[field], 0);
  const messages = [...new Set(all.flatMap((counts) => counts.messages))];
  return { asked: total("asked"), failed: total("failed"), partial: total("partial"), mixed: total("mixed"), messages };
}

function tell(what: string, { single, pair }: Report): void {
  const told = ({ asked, failed, partial, mixed, messages }: Counts) =>
    `${asked} asked, ${failed} failed, ${partial} partial, ${mixed} mixed${messages[0] === undefined ? "" : ` (${messages[0]})`}`;
  process.stdout.write(`${what}: single marts ${told(single)}; pairs ${told(pair)}\n`);
}
