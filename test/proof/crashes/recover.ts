import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { openReader } from "../../../src/reader/reader.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { rollback } from "../../../src/release/rollback.ts";
import type { ReleaseStore } from "../../../src/release/store.ts";
import type { ModelDisk } from "../model/disk.ts";
import { modelEngine, noSqlite } from "../model/engine.ts";
import { Machine, type ModelProcess } from "../model/machine.ts";
import { Onlooker } from "../model/onlooker.ts";
import { Seed } from "../seed.ts";
import { auditHistory, auditStore, auditTidiness, type ActiveRelease } from "./audit.ts";
import { Damage, storeFolder } from "./place.ts";
import { auditRetained, unpinnedReleases } from "./kept.ts";
import type { Scenario } from "./scenarios.ts";
import { inSlots, publishTag, storeOf } from "./stores.ts";

/**
 * What comes after a crash, on the disk that it left: a reader is served what is active, the next publish works and tidies up, and a rollback goes back to what the
 * crash left active. A kept release whose pin is lost can be gone back to, and has one then. `onlooker` looks on at every file operation of the publish. Throws
 * `Damage`, or what an operation throws.
 */
export async function recover(
  disk: ModelDisk,
  { shape = inSlots, adoption = { slot: "a" } }: Pick<Scenario, "shape" | "adoption">,
  onlooker = new Onlooker(() => {}),
): Promise<void> {
  // Later than whatever left the disk, so that its random names are others.
  disk.nowNs += 1_000_000_000n;
  const machine = new Machine(disk, new Seed(Number(disk.nowNs / 4_000_000n)));
  // Whoever built is dead, so that a detached build is left over.
  machine.bootId = "next";
  const process = machine.start("next");
  const left = auditStore(disk);
  await expectServed(process, left);
  const store = storeOf(process, shape);
  if (left && !left.own) await adopt(store);
  if (left?.own) await goToUnpinned(store, disk, left);
  machine.gate = onlooker.gate;
  const next = () => publishTag(process, "next", shape);
  await orAfterAdoption(next, left ? undefined : () => adopt(store, adoption)).finally(() => onlooker.rethrow());
  await onlooker.gate({ process, operation: "end", path: "" });
  onlooker.rethrow();
  machine.gate = () => {};
  const now = expectActive(disk, "next");
  if (left && now.version <= left.version) throw new Damage(`version ${now.version} came after ${left.version}`);
  auditTidiness(disk);
  auditRetained(disk);
  auditHistory(disk, now);
  await expectServed(process, now);
  if (!left) return;
  await rollback(store);
  auditHistory(disk, expectActive(disk, left.tag));
}

/** Where the manifest is gone, the store says so and says what to do: adopt what is to be active again. */
async function orAfterAdoption(publish: () => Promise<void>, adoption: (() => Promise<unknown>) | undefined): Promise<void> {
  try {
    await publish();
  } catch (error) {
    if (!adoption || !isLockkeeperError(error, "MANIFEST_GONE")) throw error;
    await adoption();
    await publish();
  }
}

/** There and back again. */
async function goToUnpinned(store: ReleaseStore, disk: ModelDisk, left: ActiveRelease): Promise<void> {
  const [unpinned] = unpinnedReleases(disk);
  if (unpinned === undefined) return;
  await rollback(store, { to: unpinned });
  auditStore(disk);
  await rollback(store, { to: left.release });
  expectActive(disk, left.tag);
}

function expectActive(disk: ModelDisk, tag: string): ActiveRelease {
  const active = auditStore(disk);
  if (active?.tag === tag) return active;
  throw new Damage(`"${active?.tag ?? "nothing"}" is active where "${tag}" should be`);
}

async function expectServed(process: ModelProcess, active: ActiveRelease | undefined): Promise<void> {
  const served = await servedTag(process);
  if (served !== active?.tag) throw new Damage(`a reader is served "${served}", and "${active?.tag}" is active`);
}

async function servedTag(process: ModelProcess): Promise<string | undefined> {
  const ports = {
    platform: process.platform,
    engine: modelEngine(process),
    openSqlite: noSqlite.open,
    defaultConcurrency: 1,
    warn: () => {},
  };
  try {
    const reader = await openReader({ dir: storeFolder, basename: "DB" }, ports);
    const { rows } = await reader.query("SELECT tag");
    await reader.close();
    return rows[0]?.[0] as string;
  } catch (error) {
    if (isLockkeeperError(error, "NO_RELEASE")) return undefined;
    throw error;
  }
}
