import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { parseLease } from "../../../src/model/lease.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import type { ModelDisk } from "../model/disk.ts";
import { databaseBytes, wholeTag } from "../model/engine.ts";
import { Machine, type ModelProcess } from "../model/machine.ts";
import { Seed } from "../seed.ts";
import { auditHistory, auditStore, auditTidiness } from "./audit.ts";
import { Damage, storeFolder } from "./place.ts";
import type { LeftDisk, Scenario } from "./scenarios.ts";
import { publishTag, storeOf, type StoreShape } from "./stores.ts";

const paths = storePaths(storeFolder);

/** What may have become of a detached build: it can be committed, is a release, lies in quarantine, or is gone. */
export type Fate = "open" | "out" | "quarantined" | "gone";

/** The detached build that an operation is about. */
export interface DetachedBuild {
  /** Of its data; `undefined` where nobody has written it yet. */
  readonly tag: string | undefined;
  /** What may have become of it while the operation has not succeeded. */
  readonly meanwhile: readonly Fate[];
  /** What has become of it once the operation has. */
  readonly after: Fate;
  /** How a commit of it ends where it is open. Default `switched`. */
  readonly ends?: "refused";
}

const writtenLater = "written later";

/** Writes a build's data as an engine does: fsynced, its folder entry not. */
export async function writeBuild(process: ModelProcess, path: string, tag: string): Promise<void> {
  const file = await process.platform.files.open(path, "update");
  await file.truncate(0);
  await file.write(databaseBytes(tag), 0);
  await file.sync();
  await file.close();
}

/** Ids of what lies among the builds and has a lease. */
export function detachedBuilds(disk: ModelDisk): readonly string[] {
  const names = [...(disk.find(paths.builds)?.entries.keys() ?? [])];
  return names.filter((id) => disk.has(paths.lease(id)));
}

/** How a commit ended: its release, `refused`, or the code of its error. */
export async function tryCommit(
  process: ModelProcess,
  id: string,
  { shape, waitMs }: { readonly shape?: StoreShape | undefined; readonly waitMs?: number } = {},
): Promise<string> {
  try {
    const { outcome, release } = await commitBuild(storeOf(process, shape), id, { waitMs });
    return release ?? outcome;
  } catch (error) {
    if (isLockkeeperError(error)) return error.code;
    throw error;
  }
}

/**
 * Looks on each disk that a crash leaves what has become of a detached build, and commits it, as the orchestrator does that knows nothing of the crash: a build that is open
 * becomes a release, once; one that is not says so and changes nothing. Then the next publish works and tidies up.
 */
export function committedAgain(build: DetachedBuild, shape?: StoreShape): NonNullable<Scenario["alsoOn"]> {
  return async (left) => {
    const id = detachedBuilds(left.start)[0] ?? detachedBuilds(left.live)[0];
    if (id === undefined) return;
    const { disk, failing } = left;
    const fate = fateOf(left, id, build);
    assertFate(left, { id, fate, build });
    if (fate === "open") assertLeaseWhole(disk, id);
    const process = processOn(left);
    await commitAgain({ process, id, fate, build, shape });
    if (fate === "quarantined" && !failing) assertReported(disk, id);
    await publishTag(process, "next", shape);
    const others = detachedBuilds(left.live).filter((other) => other !== id);
    auditTidiness(disk, others);
    const now = auditStore(disk);
    if (now?.tag !== "next") throw new Damage(`"${now?.tag}" is active after the next publish`);
    auditHistory(disk, now);
    // Quarantine keeps one here: the newest.
    if (fate === "quarantined" && others.length === 0) assertQuarantined(disk, id, build);
  };
}

/** A process that goes on with what a crash left, an hour later. */
function processOn({ disk, rebooted }: LeftDisk): ModelProcess {
  disk.nowNs += 1_000_000_000n;
  const machine = new Machine(disk, new Seed(Number(disk.nowNs / 4_000_000n) + 1));
  if (rebooted) machine.bootId = "next";
  machine.pass(3_600_000);
  return machine.start("orchestrator");
}

function fateOf({ disk, start }: LeftDisk, id: string, { tag }: DetachedBuild): Fate {
  const active = auditStore(disk);
  if (tag !== undefined && active?.tag === tag && active.version !== auditStore(start)?.version) return "out";
  if (disk.has(`${paths.quarantine}/${id}`)) return "quarantined";
  return disk.has(paths.lease(id)) ? "open" : "gone";
}

function assertFate(
  { acknowledged, failing }: LeftDisk,
  { id, fate, build }: { readonly id: string; readonly fate: Fate; readonly build: DetachedBuild },
): void {
  const legal = acknowledged ? [build.after] : [...build.meanwhile];
  // A build that could not be moved fails neither a refusal nor what comes after a sweep; one whose messages could not be read is refused.
  if (failing && build.after === "quarantined") legal.push(...build.meanwhile);
  if (failing && build.after === "out" && !acknowledged) legal.push("quarantined");
  if (!legal.includes(fate)) throw new Damage(`${acknowledged ? "after success" : "meanwhile"}, build ${id} is ${fate}`);
}

function assertLeaseWhole(disk: ModelDisk, id: string): void {
  const path = paths.lease(id);
  parseLease(disk.mustFind(path).content, { build: id, path });
}

interface Committing {
  readonly process: ModelProcess;
  readonly id: string;
  readonly fate: Fate;
  readonly build: DetachedBuild;
  readonly shape: StoreShape | undefined;
}

async function commitAgain({ process, id, fate, build, shape }: Committing): Promise<void> {
  const { disk } = process.machine;
  const before = auditStore(disk);
  const commit = (): Promise<string> => tryCommit(process, id, { shape });
  const unchanged = (outcome: string, ...expected: readonly (string | undefined)[]): void => {
    if (!expected.includes(outcome)) throw new Damage(`a commit of a build that is ${fate} ended with ${outcome}`);
    const now = auditStore(disk);
    if (now?.version !== before?.version) throw new Damage(`version ${now?.version} came of a commit that ended with ${outcome}`);
  };
  if (fate === "out") unchanged(await commit(), before?.release, "BUILD_UNKNOWN");
  if (fate === "quarantined") assertQuarantined(disk, id, build);
  if (fate === "open") {
    if (build.tag === undefined) {
      unchanged(await commit(), "BUILD_EMPTY");
      await writeBuild(process, `${paths.build(id)}/DB.duckdb`, writtenLater);
    }
    const outcome = await commit();
    if (build.ends) unchanged(outcome, build.ends);
    else assertOut(disk, { outcome, tag: build.tag ?? writtenLater, above: before?.version ?? 0 });
  }
  const settled = auditStore(disk)?.version;
  const last = await commit();
  if (last !== "BUILD_UNKNOWN" || auditStore(disk)?.version !== settled)
    throw new Damage(`one more commit of build ${id} ended with ${last}`);
}

function assertOut(
  disk: ModelDisk,
  { outcome, tag, above }: { readonly outcome: string; readonly tag: string; readonly above: number },
): void {
  const now = auditStore(disk);
  if (now?.release !== outcome || now.tag !== tag || now.version <= above)
    throw new Damage(`a commit ended with ${outcome}, and "${now?.tag}" is active as ${now?.release}, version ${now?.version}`);
}

/** Whole. */
function assertQuarantined(disk: ModelDisk, id: string, { tag }: DetachedBuild): void {
  const data = disk.find(`${paths.quarantine}/${id}/DB.duckdb`)?.content;
  const found = data && wholeTag(data);
  if (found !== tag) throw new Damage(`build ${id} lies in quarantine with "${found}"`);
}

function assertReported(disk: ModelDisk, id: string): void {
  if (!disk.has(`${paths.quarantine}/${id}/report.json`)) throw new Damage(`build ${id} lies in quarantine without a report`);
}
