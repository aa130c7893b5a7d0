import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Artifact } from "../../src/model/artifact.ts";
import type { PublishResult } from "../../src/model/results.ts";
import { pruneReleases } from "../../src/release/prune.ts";
import { rollback } from "../../src/release/rollback.ts";
import { distUrl, startProgram, type Child } from "../support/child.ts";
import { startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const script = fileURLToPath(new URL("artifacts-process.mjs", import.meta.url));
const switches = 100;
const marts = 11;
const artifacts: readonly Artifact[] = [
  { kind: "duckdb" },
  { kind: "parquet", path: "mart" },
  { kind: "sqlite", path: "labels.db" },
];

interface Report {
  readonly asked: Readonly<Record<string, number>>;
  readonly failed: string[];
  readonly partial: unknown[];
  readonly straddled: unknown[];
  readonly seen: Readonly<Record<string, Record<string, boolean>>>;
  readonly descriptors: { readonly start: number; readonly end: number };
}

// parquet-in-place.proof.ts shows what the same questions see of marts that are rebuilt in place.
test(
  `${switches} switches of releases of three kinds of files, under readers of single tables, pairs and triples, with killed, failed and refused builds between`,
  { timeout: 600_000 },
  async () => {
    const folder = temporaryFolder();
    const options = { dir: folder, layout: "releases", artifacts, retention: { keep: 4 } } as const;
    const store = storeIn(folder, options);
    const publisher = startPublisher(options);
    const tagOf = new Map<string, number>();
    const out = async (tag: number) => {
      const result = await publisher.publish({ tag, how: "well" });
      expect(result.outcome).toBe("switched");
      tagOf.set(result.release ?? "", tag);
      return result.version ?? 0;
    };
    let version = await out(1);
    const readers = await Promise.all([1, 2].map(() => startReader(folder)));
    let killed = 0;
    for (let step = 2; version <= switches; step++) {
      if (step % 10 === 0) version = (await rollback(store)).version;
      else version = await out(step);
      if (step % 7 === 0) expect((await publisher.publish({ tag: -step, how: "refused" })).outcome).toBe("refused");
      if (step % 11 === 0) await expect(publisher.publish({ tag: -step, how: "failing" })).rejects.toThrow("BUILD_FAILED");
      if (step % 13 === 0) killed += await killedPublish(options, step);
      if (step % 20 === 0) await pruneReleases(store, { waitMs: 60_000 });
    }
    await Promise.all(readers.map((reader) => reader.line(`switched ${version}`)));
    const reports = await Promise.all(readers.map(stopReader));
    for (const report of reports) {
      expect(report.failed).toEqual([]);
      expect(report.partial).toEqual([]);
      expect(report.straddled).toEqual([]);
      for (const [release, tags] of Object.entries(report.seen))
        expect([release, Object.keys(tags)]).toEqual([release, [String(tagOf.get(release))]]);
      expect(Object.keys(report.seen).length).toBeGreaterThan(switches / 2);
      // One that stays open a switch would be a hundred.
      expect(report.descriptors.end - report.descriptors.start).toBeLessThan(switches / 5);
    }
    expect(killed).toBeGreaterThan(3);
    expect(readdirSync(join(folder, ".lockkeeper", "builds"))).toEqual([]);
    const asked = (kind: string) => reports.reduce((sum, report) => sum + (report.asked[kind] ?? 0), 0);
    for (const kind of ["single", "pair", "triple"]) expect([kind, asked(kind) > switches]).toEqual([kind, true]);
    process.stdout.write(
      `${version} versions, ${killed} publishers killed: ${asked("single")} singles, ${asked("pair")} pairs, ${asked("triple")} triples in 2 readers: 0 failed, 0 partial, 0 straddled\n`,
    );
  },
);

/** How a build of the publisher ends. */
type How = "well" | "refused" | "failing";

/** Statements of a build's marts: each row carries the tag and the number of rows, so that an answer can be checked against itself. */
function martsOf(tag: number): string[] {
  const rows = 2_000 + tag;
  return Array.from({ length: marts }, () => `SELECT range AS n, ${tag} AS tag, ${rows} AS rows FROM range(${rows})`);
}

/** What a process of its own does with a line `{tag, how, marts}`: it writes all three kinds of files. */
const buildBody = `
  const { createInterface } = await import("node:readline");
  const { default: Sqlite } = await import(${JSON.stringify(import.meta.resolve("better-sqlite3"))});
  const build = ({ tag, how, marts }) => async ({ path, dir }) => {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    await connection.run("CREATE TABLE meta AS SELECT " + tag + " AS tag");
    for (const [at, sql] of marts.entries()) await connection.run("COPY (" + sql + ") TO '" + dir + "/mart/m" + at + ".parquet' (FORMAT parquet)");
    await connection.run("COPY (SELECT " + tag + " AS tag, range AS n, range % 3 AS part FROM range(300)) TO '" + dir + "/mart/parts' (FORMAT parquet, PARTITION_BY (part))");
    connection.closeSync();
    instance.closeSync();
    const database = new Sqlite(dir + "/labels.db");
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE labels AS SELECT " + tag + " AS tag");
    database.close();
    if (how === "failing") throw new Error("as told");
    if (how === "refused") (await import("node:fs")).writeFileSync(dir + "/mart/tmp_m0.parquet", "unfinished");
  };
`;

function startPublisher(options: Parameters<typeof storeIn>[1]): {
  publish(wanted: { readonly tag: number; readonly how: How }): Promise<PublishResult>;
} {
  const child = startOperation(
    options ?? {},
    `${buildBody}
    for await (const line of createInterface({ input: process.stdin })) {
      const published = await publish(store, { kind: "function", build: build(JSON.parse(line)) }, { waitMs: 60_000 }).catch((error) => ({ code: error.code }));
      console.log("published " + JSON.stringify(published));
    }`,
  );
  return {
    async publish({ tag, how }) {
      child.send(JSON.stringify({ tag, how, marts: martsOf(tag) }));
      const published = JSON.parse((await child.line("published ")).slice("published ".length)) as PublishResult & {
        readonly code?: string;
      };
      if (published.code !== undefined) throw new Error(published.code);
      return published;
    },
  };
}

/** Publishers that are killed at one of these steps leave the active release as it is. */
const deaths = ["build.begun", "seal.synced", "seal.parquet", "stage.moved", "stage.done", "install.recorded", "install.renamed"];

async function killedPublish(options: Parameters<typeof storeIn>[1], step: number): Promise<number> {
  const failpoint = deaths[step % deaths.length] ?? "";
  const child = startOperation(
    options ?? {},
    `${buildBody}
    return publish(store, { kind: "function", build: build(${JSON.stringify({ tag: 1_000_000 + step, how: "well", marts: martsOf(step) })}) }, { waitMs: 60_000 });`,
    { LOCKKEEPER_FAILPOINTS: `${failpoint}=kill` },
  );
  // One that ended by itself would not have come to the step.
  expect([failpoint, (await child.ended).signal]).toEqual([failpoint, "SIGKILL"]);
  return 1;
}

async function startReader(folder: string): Promise<Child> {
  const child = startProgram([
    process.execPath,
    script,
    JSON.stringify({
      reader: distUrl("workspace/open-reader.js"),
      options: { dir: folder, basename: "DB" },
      loops: 4,
      marts,
      pauseMs: 50,
    }),
  ]);
  await child.line("ready");
  return child;
}

async function stopReader(child: Child): Promise<Report> {
  child.send("stop");
  return JSON.parse((await child.line("report ")).slice("report ".length)) as Report;
}
