import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { ReleaseStoreOptions } from "../../src/release/open.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { statements, taggedBuild } from "../load/publishers.ts";
import { expectFaultless, stopReader } from "../load/readers.ts";
import { manifestOf, startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { startDuckdbFile, whyNoDuckdb } from "./support.ts";

const script = fileURLToPath(new URL("reader_process.py", import.meta.url));
const switches = 100;

/** Steps of a publish at which publishers are killed (kill -9), before and after the switch. */
const steps = [
  "build.begun",
  "seal.synced",
  "install.recorded",
  "install.renamed",
  "switch.renamed",
  "history.appended",
  "install.done",
];

/** Runs a publisher in a process of its own that is killed at a step. Returns what is active then. */
async function killedPublisher(options: Partial<ReleaseStoreOptions> & { readonly dir: string }, tag: number, step: string) {
  const child = startOperation(
    options,
    `
    const build = async ({ path }) => {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      for (const statement of ${JSON.stringify(statements(tag))}) await connection.run(statement);
      connection.closeSync();
      instance.closeSync();
    };
    return publish(store, { kind: "function", build }, { waitMs: 60_000 });`,
    { LOCKKEEPER_FAILPOINTS: `${step}=kill` },
  );
  expect([step, (await child.ended).signal]).toEqual([step, "SIGKILL"]);
  return manifestOf(options.dir) as { readonly release: string; readonly version: number };
}

describe.skipIf(whyNoDuckdb !== "")("the reader for Python under load", () => {
  test.each(["slots", "releases"] as const)(
    `%s: ${switches} switches with rollbacks and killed publishers under eight threads: nothing failed, mixed or older than seen`,
    { timeout: 900_000 },
    async (layout) => {
      const folder = temporaryFolder();
      const options = { dir: folder, layout, retention: { keep: 2 } };
      const store = storeIn(folder, options);
      const tagOf = new Map<string, number>();
      const tagOfRelease = new Map<string, number>();
      const note = (release: string, version: number, tag: number) => {
        tagOfRelease.set(release, tag);
        tagOf.set(`${release} ${version}`, tag);
        return version;
      };
      const out = async (tag: number) => {
        const { outcome, release = "", version = 0 } = await publish(store, taggedBuild(tag));
        expect(outcome).toBe("switched");
        return note(release, version, tag);
      };
      let version = await out(1);
      let [killed, kills] = [0, 0];
      const readers = [1, 2].map(() =>
        startDuckdbFile([script, JSON.stringify({ options: { folder, basename: "DB" }, threads: 8, pause: 0.05 })]),
      );
      await Promise.all(readers.map((reader) => reader.line("ready")));
      for (let step = 2; version <= switches; step += 1) {
        if (step % 10 === 5) {
          const active = await killedPublisher(options, step, steps[kills % steps.length] ?? "");
          kills += 1;
          if (active.version > version) {
            version = note(active.release, active.version, step);
            killed += 1;
          }
        } else if (step % 10 === 0) {
          const back = await rollback(store);
          version = note(back.release, back.version, tagOfRelease.get(back.release) ?? -1);
        } else version = await out(step);
      }
      await Promise.all(readers.map((reader) => reader.line(`switched ${version}`)));
      const reports = await Promise.all(readers.map(stopReader));
      for (const report of reports) {
        expectFaultless(report, tagOf);
        expect(report.status).toMatchObject({ ok: true, servingVersion: version, publishedVersion: version, pinned: true });
        expect(Math.abs(report.descriptors.end - report.descriptors.start)).toBeLessThanOrEqual(3);
      }
      expect([kills > killed, killed > 0]).toEqual([true, true]);
      // Readers that ran throughout have served nearly every version: the load was real.
      expect(Object.keys(reports[0]?.seen ?? {}).length).toBeGreaterThan(switches * 0.8);
      if (layout === "releases") expect(readdirSync(join(folder, "releases")).length).toBeLessThanOrEqual(4);
      const told = reports.map(({ requests, seen, memory }) => {
        const [first = 0, last = 0] = [memory[Math.floor(memory.length / 4)], memory.at(-1)];
        return `  reader: ${requests} requests, ${Object.keys(seen).length} versions, RSS ${megabytes(first)} → ${megabytes(last)} MB\n`;
      });
      process.stdout.write(
        `Python, ${layout}: ${version} versions, ${kills} publishers killed (${killed} after their switch), 0 failed, 0 mixed, 0 backwards\n${told.join("")}`,
      );
    },
  );
});

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

test.runIf(whyNoDuckdb !== "")("the reader for Python is not tried under load", () => {
  process.stdout.write(`skipped: ${whyNoDuckdb}\n`);
});
