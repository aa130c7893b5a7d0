import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import type { PruneResult, PublishResult, SwitchResult } from "../../src/model/results.ts";
import { storeLocks } from "../../src/release/locks.ts";
import { pruneReleases } from "../../src/release/prune.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { ProgressEvent, ReleaseStore } from "../../src/release/store.ts";
import type { Child } from "../support/child.ts";
import { storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { startPublisher, taggedBuild } from "./publishers.ts";
import { expectFaultless, startReader, stopReader, type LoadReport } from "./readers.ts";

const steps = 60;
const keep = 4;
const waitMs = 60_000;
const pauseMs = 10;
/** What a reader may hold at a moment: the release that it serves, the one that it opens, and one that a request still uses. */
const heldByReader = 3;
/** Kept releases that the travelling reader may have open beside those. */
const travelled = 2;
/** Manifest, history, pins, records, locks and notes. */
const smallFilesBytes = 4 * 1024 * 1024;

test(
  "releases are published by two processes, rolled back and pruned under load, while old ones are read, too, and a reader process is stopped on one",
  { timeout: 600_000 },
  async () => {
    const run = new Run(temporaryFolder());
    for (const tag of [1, 2, 3]) await run.publish(tag);
    const readers = await Promise.all([
      startReader({ ...run.reading, limits: { releases: travelled } }, { loops: 4, travellers: travelled, pauseMs }),
      startReader(run.reading, { loops: 4, pauseMs }),
    ]);
    const sleeper = await startReader(run.reading, { loops: 4, pauseMs });
    const held = await stopped(run.store, sleeper);
    const oldest = held[0] ?? "";
    expect(held.length).toBeGreaterThan(0);

    let tag = 3;
    for (let step = 1; step <= steps; step++) {
      const switches = [run.publish(++tag)];
      if (step % 3 === 0) switches.push(run.publishElsewhere(++tag));
      // A rollback while a build is under way, by turns to the release before the newest and to the one that is held.
      if (step % 5 === 0) switches.push(run.rollback(step % 2 === 0 ? oldest : run.secondNewest()));
      await Promise.all(switches);
      await run.prune({ held, readers: readers.length + 1 });
    }
    for (const release of held) {
      const path = join(run.folder, "releases", release, "DB.duckdb");
      expect(await valueIn(path, "SELECT DISTINCT tag FROM t")).toBe(String(run.tagOfRelease.get(release)));
    }
    // Neither active nor previous: nothing but the reader keeps them.
    for (let more = 0; more < keep; more++) await run.publish(++tag);
    expect(await run.prune({ held, readers: readers.length + 1 })).toMatchObject({
      kept: expect.arrayContaining(held.map((release) => ({ release, reason: "a reader has it open" }))) as unknown,
    });
    sleeper.process.kill("SIGCONT");
    await Promise.all([...readers, sleeper].map((reader) => reader.line(`switched ${run.version}`)));
    const reports = await Promise.all([...readers, sleeper].map(stopReader));
    const { removed } = await run.prune({ held: [], readers: 0 });
    expect(removed.map(({ release }) => release)).toEqual(expect.arrayContaining(held));
    expect(readdirSync(join(run.folder, "releases"))).toEqual([...run.tagOfRelease.keys()].toSorted().slice(-keep));
    for (const report of reports) {
      expectFaultless(report, run.tagOf);
      expect(report.status.servingVersion).toBe(run.version);
    }
    run.expectTravelled(reports[0]);
    // The load was real: who ran throughout has served most versions.
    expect(Object.keys(reports[0]?.seen ?? {}).length).toBeGreaterThan(steps / 2);
    run.print(
      reports.reduce((sum, { requests }) => sum + requests, 0),
      oldest,
    );
  },
);

/** A store of layout `releases` with two publishers, and what was published. */
class Run {
  readonly folder: string;
  readonly store: ReleaseStore;
  readonly reading: { readonly dir: string; readonly basename: string };
  readonly tagOf = new Map<string, number>();
  readonly tagOfRelease = new Map<string, number>();
  version = 0;
  readonly #elsewhere: ReturnType<typeof startPublisher>;
  readonly #most = { folders: 0, bytes: 0, releaseBytes: 0 };

  constructor(folder: string) {
    this.folder = folder;
    const options = { dir: folder, layout: "releases", retention: { keep } } as const;
    this.store = storeIn(folder, options);
    this.reading = { dir: folder, basename: "DB" };
    this.#elsewhere = startPublisher(options);
  }

  async publish(tag: number): Promise<void> {
    // The moment of most data: the build is a release already, and nothing is pruned yet.
    const onProgress = (event: ProgressEvent) => {
      if (event.kind === "phase" && event.phase === "switch") this.#measure();
    };
    this.#published(await publish(this.store, taggedBuild(tag), { waitMs, onProgress }), tag);
  }

  async publishElsewhere(tag: number): Promise<void> {
    this.#published(await this.#elsewhere.publish(tag), tag);
  }

  async rollback(to: string): Promise<void> {
    this.#switched(await rollback(this.store, { to, waitMs }));
  }

  secondNewest(): string {
    return [...this.tagOfRelease.keys()].toSorted().at(-2) ?? "";
  }

  /** Prunes, and compares what is there with what may be: the newest, the active one, the one before it, and what readers hold. */
  async prune({ held, readers }: { readonly held: readonly string[]; readonly readers: number }): Promise<PruneResult> {
    const pruned = await pruneReleases(this.store, { waitMs });
    const kept = pruned.kept.map(({ release }) => release);
    expect(readdirSync(join(this.folder, "releases"))).toEqual(kept);
    expect(kept).toEqual(expect.arrayContaining([...held]));
    const byRule = pruned.kept.filter(({ reason }) => reason !== "a reader has it open");
    expect(byRule.length).toBeLessThanOrEqual(keep + 2);
    const mostKept = keep + 2 + readers * heldByReader + travelled;
    expect(kept.length).toBeLessThanOrEqual(mostKept);
    this.#measure();
    // One more: the release that is coming in.
    expect(this.#most.folders).toBeLessThanOrEqual(mostKept + 1);
    expect(this.#most.bytes).toBeLessThanOrEqual((mostKept + 1) * this.#most.releaseBytes + smallFilesBytes);
    return pruned;
  }

  /** Each answer came from the very release that was asked for, held and pruned ones among them; only what is gone was refused. */
  expectTravelled(report: LoadReport | undefined): void {
    const answered = Object.entries(report?.travelled ?? {});
    for (const [release, tags] of answered)
      expect([release, Object.keys(tags)]).toEqual([release, [String(this.tagOfRelease.get(release))]]);
    expect(answered.length).toBeGreaterThan(steps / 4);
    const kept = readdirSync(join(this.folder, "releases"));
    expect(report?.gone.filter((release) => kept.includes(release))).toEqual([]);
  }

  print(requests: number, oldest: string): void {
    const { folders, bytes, releaseBytes } = this.#most;
    process.stdout.write(
      `${this.version} switches, ${requests} requests in 3 readers, 0 failed, 0 mixed; ${oldest} outlived ${this.tagOfRelease.size - 3} releases while its reader was stopped; ` +
        `at most ${folders} release folders of ${megabytes(releaseBytes)}, ${megabytes(bytes)} in all\n`,
    );
  }

  #published(result: PublishResult, tag: number): void {
    const { outcome, release, version } = result;
    if (outcome !== "switched" || release === undefined || version === undefined) throw new Error(JSON.stringify(result));
    this.tagOfRelease.set(release, tag);
    this.#switched({ release, version });
  }

  #switched({ release, version }: Pick<SwitchResult, "release" | "version">): void {
    this.tagOf.set(`${release} ${version}`, this.tagOfRelease.get(release) ?? -1);
    this.version = Math.max(this.version, version);
  }

  #measure(): void {
    const sizes = readdirSync(join(this.folder, "releases")).map((release) => bytesIn(join(this.folder, "releases", release)));
    this.#most.folders = Math.max(this.#most.folders, sizes.length);
    this.#most.releaseBytes = Math.max(this.#most.releaseBytes, ...sizes);
    this.#most.bytes = Math.max(this.#most.bytes, bytesIn(this.folder));
  }
}

/** Stops a process and returns the releases that it holds, oldest first; as it stands still, so do they. */
async function stopped(store: ReleaseStore, child: Child): Promise<string[]> {
  child.process.kill("SIGSTOP");
  while (!readFileSync(`/proc/${child.pid}/stat`, "utf8").includes(") T ")) await wait(5);
  const { pins } = await storeLocks([store]);
  return pins.filter(({ processes }) => processes.some(({ pid }) => pid === child.pid)).map(({ release }) => release);
}

/** Bytes of all files below; what another process removes meanwhile counts nothing. */
function bytesIn(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.size ?? 0;
  return namesIn(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
