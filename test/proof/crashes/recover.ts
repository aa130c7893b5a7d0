import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { openReader } from "../../../src/reader/reader.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { rollback } from "../../../src/release/rollback.ts";
import type { ModelDisk } from "../model/disk.ts";
import { modelEngine } from "../model/engine.ts";
import { Machine, type ModelProcess } from "../model/machine.ts";
import { Onlooker } from "../model/onlooker.ts";
import { Seed } from "../model/seed.ts";
import { auditHistory, auditStore, auditTidiness, Damage, storeFolder, type ActiveRelease } from "./audit.ts";
import { publishTag, storeOf } from "./scenarios.ts";

/**
 * What comes after a crash, on the disk that it left: a reader is served what is active, the next publish works and tidies up, and a rollback goes back to what the
 * crash left active. `onlooker` looks on at every file operation of the publish. Throws `Damage`, or what an operation throws.
 */
export async function recover(disk: ModelDisk, onlooker = new Onlooker(() => {})): Promise<void> {
  // Later than whatever left the disk, so that its random names are others.
  disk.nowNs += 1_000_000_000n;
  const machine = new Machine(disk, new Seed(Number(disk.nowNs / 4_000_000n)));
  const process = machine.start("next");
  const left = auditStore(disk);
  await expectServed(process, left);
  if (left && !left.own) await adopt(storeOf(process));
  machine.gate = onlooker.gate;
  await republish(process, left).finally(() => onlooker.rethrow());
  await onlooker.gate({ process, operation: "end", path: "" });
  onlooker.rethrow();
  machine.gate = () => {};
  const now = expectActive(disk, "next");
  if (left && now.version <= left.version) throw new Damage(`version ${now.version} came after ${left.version}`);
  auditTidiness(disk);
  auditHistory(disk, now);
  await expectServed(process, now);
  if (!left) return;
  await rollback(storeOf(process));
  auditHistory(disk, expectActive(disk, left.tag));
}

/** Where the manifest is gone, the store says so and says what to do: adopt one of the slots. */
async function republish(process: ModelProcess, left: ActiveRelease | undefined): Promise<void> {
  try {
    await publishTag(process, "next");
  } catch (error) {
    if (left || !isLockkeeperError(error, "MANIFEST_GONE")) throw error;
    await adopt(storeOf(process), { slot: "a" });
    await publishTag(process, "next");
  }
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
  const ports = { platform: process.platform, engine: modelEngine(process), defaultConcurrency: 1, warn: () => {} };
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
