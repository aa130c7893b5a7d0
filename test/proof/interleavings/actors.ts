import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { otherSlot, storePaths, type Slot } from "../../../src/model/layout.ts";
import { openReader, type Reader, type ReaderPorts } from "../../../src/reader/reader.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeFolder } from "../crashes/place.ts";
import { storeOf } from "../crashes/stores.ts";
import { databaseBytes, modelEngine, noSqlite, taggedBuild } from "../model/engine.ts";
import type { ModelProcess } from "../model/machine.ts";
import type { Stage } from "./stage.ts";

const paths = storePaths(storeFolder);

const waitMs = 5000;

/** What a reader does, and what may be expected. */
export interface Reading {
  readonly stage: () => Stage;
  readonly process: ModelProcess;
  readonly name?: string;
  readonly requests: number;
  /** `eventual`: it may be served an older release than the newest, but never one under another's name. Default `strict`. */
  readonly freshness?: "strict" | "eventual";
  /** Another than the model's. */
  readonly engine?: ReaderPorts["engine"];
  /** Foreign releases have no pin, and versions that repeat are warned of. Default true. */
  readonly own?: boolean;
}

/** Opens a reader, asks it again and again, two queries at a time on one release, and closes it. Each answer is judged. */
export async function read(reading: Reading): Promise<void> {
  const { stage, requests, own = true } = reading;
  const reader = await openStore(reading).catch((error: unknown) => {
    // A program that writes its manifest in place and stalls in the middle leaves nothing to start from.
    if (own || !isLockkeeperError(error, "MANIFEST_INVALID")) throw error;
  });
  if (!reader) return;
  try {
    for (let request = 0; request < requests; request += 1) await ask(reader, reading, stage());
  } finally {
    await reader.close();
  }
}

/** A reader on the store. Of its own releases it has nothing to warn of. */
export async function openStore({
  process,
  engine = modelEngine(process),
  freshness = "strict",
  own = true,
}: Reading): Promise<Reader> {
  const warn = (message: string): void => {
    if (own) throw new Error(`${process.name} warns: ${message}`);
  };
  const options = { dir: storeFolder, basename: "DB", waitMs, freshness };
  return openReader(options, { platform: process.platform, engine, openSqlite: noSqlite.open, defaultConcurrency: 2, warn });
}

/** One request: two queries on one release. */
export async function ask(reader: Reader, reading: Reading, stage: Stage): Promise<void> {
  const { process, name = process.name, freshness, own = true } = reading;
  const { machine, monitor } = stage;
  const asked = monitor.now;
  const deadlineMs = machine.elapsedMs + waitMs;
  await reader.borrow(async (borrowed) => {
    // Past its bound a request is served the last good release.
    const fresh = freshness !== "eventual" && machine.elapsedMs < deadlineMs;
    for (let query = 0; query < 2; query += 1) {
      const { rows, release, version } = await borrowed.query("SELECT tag");
      if (release !== borrowed.release) throw new Error(`${release} answers a borrow of ${borrowed.release}`);
      monitor.answered({ reader: name, asked, release, version, tag: String(rows[0]?.[0]), fresh });
    }
    const { pinned, release } = reader.status();
    if (pinned) monitor.assertPinned(process, release);
    else if (own) throw new Error(`${release} is served without a pin`);
  });
}

/** Publishes a build with a tag; by default it waits for whoever is before it. Returns the outcome, or the code of the error. */
export async function tryPublish(process: ModelProcess, tag: string, patienceMs = 120_000): Promise<string> {
  return outcomeOf(async () => (await publish(storeOf(process), taggedBuild(process, tag), { waitMs: patienceMs })).outcome);
}

/** Rolls back, waiting for whoever is before it. Returns the release that it went back to, or the code of the error. */
export async function tryRollback(process: ModelProcess): Promise<string> {
  return outcomeOf(async () => (await rollback(storeOf(process), { waitMs: 120_000 })).release);
}

/** What an operation resolved with; the code of its error. */
export async function outcomeOf(operate: () => Promise<string>): Promise<string> {
  try {
    return await operate();
  } catch (error) {
    if (isLockkeeperError(error)) return error.code;
    throw error;
  }
}

/** Throws unless what was done came out as one of these. */
export function expectOutcome(outcome: string, ...expected: readonly string[]): void {
  if (!expected.includes(outcome)) throw new Error(`it ended with ${outcome}; expected ${expected.join(" or ")}`);
}

/** How another program writes. */
export interface ForeignStyle {
  /** The slot and the manifest in place, as `open(path, "w")` and an engine do; else a new file is renamed over each. */
  readonly inPlace: boolean;
  /** Whether it takes `.writer.lock`, as docs/format.md asks. */
  readonly locks: boolean;
}

/** How often a foreign program asks for a file that a reader has open. */
const retryMs = 40;

/** Another program's nightly job: builds the inactive slot and makes it active, always as version 1. */
export async function switchAsForeigner(process: ModelProcess, tag: string, style: ForeignStyle): Promise<void> {
  const { files, locks } = process.platform;
  const lock = await files.open(paths.writerLock, "update");
  while (style.locks && !locks.tryLock(lock, "exclusive")) await process.platform.clock.wait(retryMs);
  const active = activeSlot(process);
  const slot = otherSlot(active);
  // A build takes longer than a tick of the file system's clock.
  process.machine.pass(30);
  await (style.inPlace ? writeSlot : replace)(process, paths.slot("DB", slot), databaseBytes(tag));
  const manifest = Buffer.from(JSON.stringify({ active: slot, version: 1 }));
  await (style.inPlace ? rewrite : replace)(process, paths.manifest, manifest);
  await lock.close();
}

function activeSlot(process: ModelProcess): Slot {
  const text = process.platform.files.readNow(paths.manifest, 65_536)?.bytes?.toString() ?? "";
  return (JSON.parse(text) as { active: Slot }).active;
}

/** As an engine does: under the exclusive lock of the file, page by page. */
async function writeSlot(process: ModelProcess, path: string, bytes: Buffer): Promise<void> {
  const { files, locks, clock } = process.platform;
  const file = await files.open(path, "update");
  while (!locks.tryLock(file, "exclusive")) await clock.wait(retryMs);
  const half = Math.floor(bytes.length / 2);
  await file.write(bytes.subarray(0, half), 0);
  await file.write(bytes.subarray(half), half);
  await file.truncate(bytes.length);
  await file.close();
}

async function rewrite(process: ModelProcess, path: string, bytes: Buffer): Promise<void> {
  const file = await process.platform.files.open(path, "update");
  await file.truncate(0);
  await file.write(bytes, 0);
  await file.close();
}

async function replace(process: ModelProcess, path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.new`;
  const file = await process.platform.files.open(temporary, "create");
  await file.write(bytes, 0);
  await file.close();
  await process.platform.files.rename(temporary, path);
}
