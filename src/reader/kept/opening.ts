import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { releaseNumber } from "../../model/names.ts";
import { ioError } from "../../platform/io-error.ts";
import type { FileStat } from "../../platform/port.ts";
import type { Generation } from "../generation.ts";
import { openTarget, verified, type OpeningContext } from "../opening.ts";
import { takePin, type Pin } from "../pin.ts";
import { readerClosed } from "../pool.ts";
import { sleep } from "../waiting.ts";
import { isKeptId, locateKept, locateQuarantined, overwritten, unknownRelease, type KeptTarget } from "./locate.ts";

/** Tries of one opening: a publisher may replace the slot, or prune be at the pin, at the same moment. About 30 ms in all. */
const attemptsMax = 5;

/**
 * Opens a release by its id, or a build in quarantine by its own, pinned where it has a pin. The file of a slot is hashed, a second a gigabyte, for only its
 * bytes tell whose it is; it cannot change meanwhile. Warm-up statements do not run: they may need what an old release has not. Throws `RELEASE_UNKNOWN`,
 * `RECORD_INVALID`, `FORMAT_UNSUPPORTED`, `CHECKSUM_MISMATCH`, what opening a database throws, and `READER_CLOSED`.
 */
export async function openKept(context: OpeningContext, id: string): Promise<Generation> {
  if (!isKeptId(id)) throw unknownRelease(context.store, id, "that is no id of a release or a build");
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOpen(context, id, attempt);
    } catch (cause) {
      if (context.closing.aborted) throw readerClosed();
      const error = ioError(cause, "open the data of", id);
      const again = error.code === "MANIFEST_MOVED" || error.code === "FILE_MISSING";
      if (!again || attempt >= attemptsMax) throw error;
      await sleep(context.store.platform.clock, 2 ** (attempt - 1), { signal: context.closing });
    }
  }
}

async function attemptOpen(context: OpeningContext, id: string, attempt: number): Promise<Generation> {
  const { target, pin } = await locate(context, id, attempt);
  await verified(context, { target, pin });
  const verify = (): void => assertUnmoved(context, target);
  const generation = await openTarget(context, { target, pin, verify });
  try {
    await assertSealed(context, target);
    generation.activate("kept");
    return generation;
  } catch (error) {
    await context.pool.discard(generation);
    throw error;
  }
}

/** The pin first: what is there once it is held, stays. Prune takes what is in quarantine without asking; a file that is open then is read to its end. */
async function locate(
  context: OpeningContext,
  id: string,
  attempt: number,
): Promise<{ readonly target: KeptTarget; readonly pin: Pin | undefined }> {
  const { store, resolver } = context;
  if (releaseNumber(id) === undefined) return { target: await locateQuarantined(store, id), pin: undefined };
  const taken = await takePin(store.platform, store.paths.pin(id));
  const pin = taken.kind === "pinned" ? taken.pin : undefined;
  try {
    const sighting = resolver.look();
    const target = await locateKept(store, id, sighting.kind === "manifest" ? sighting.manifest.own : undefined);
    if (taken.kind === "missing" && attempt < attemptsMax) throw moved(`${id} has no free pin; it may be on its way out`, id);
    if (pin === undefined) {
      const reason = taken.kind === "impossible" ? taken.reason : `there is no pin file at ${store.paths.pin(id)}`;
      context.warn(`release ${id} is read without a pin, so prune cannot see this reader: ${reason}`);
    }
    return { target, pin };
  } catch (error) {
    await pin?.release();
    throw error;
  }
}

function assertUnmoved(context: OpeningContext, { path, stat, release }: KeptTarget): void {
  if (context.closing.aborted) throw readerClosed();
  const now = context.store.platform.files.statNow(path);
  if (now !== undefined && isSame(now, stat)) return;
  throw moved(`${path} was replaced while it was being opened`, release);
}

/** The engine's own lock on the open file keeps writers out; that the path still leads to it is looked at once more afterwards. */
async function assertSealed(context: OpeningContext, target: KeptTarget): Promise<void> {
  if (target.sealed === undefined) return;
  const [digest] = await context.engine.digest([target.path], context.closing);
  assertUnmoved(context, target);
  if (digest?.sha256 !== target.sealed.sha256) throw overwritten(context.store, target.release, target.path);
}

function isSame(one: FileStat, other: FileStat): boolean {
  return (
    one.device === other.device &&
    one.inode === other.inode &&
    one.bytes === other.bytes &&
    one.changedNs === other.changedNs &&
    one.kind === other.kind
  );
}

function moved(message: string, subject: string): LockkeeperError {
  return new LockkeeperError("MANIFEST_MOVED", message, { hint: "Try again.", subject });
}
