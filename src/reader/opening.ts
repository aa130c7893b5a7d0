import { LockkeeperError, firstLine } from "../errors/lockkeeper-error.ts";
import { ioError } from "../platform/io-error.ts";
import { lendRelease } from "./borrowed.ts";
import { assertSealed } from "./contents.ts";
import type { ReaderEngine } from "./engine.ts";
import type { Generation } from "./generation.ts";
import { locateRelease, type ReleaseTarget, type StoreView } from "./locate.ts";
import type { ReaderSettings } from "./options.ts";
import { takePin, type Pin } from "./pin.ts";
import { readerClosed, type GenerationPool } from "./pool.ts";
import type { BorrowedRelease } from "./reader.ts";
import type { ManifestResolver, ManifestSighting } from "./resolver.ts";
import { sleep } from "./waiting.ts";

/** Tries of one opening; with the waits between them about 1.5 s when a file stays locked. */
const attemptsMax = 20;

const lockedWaitMaxMs = 100;

/** After so many tries a missing pin file is taken for removed by hand, not for a release that was pruned. */
const pinAttemptsMax = 5;

/** What opening a release takes. */
export interface OpeningContext {
  readonly store: StoreView;
  readonly resolver: ManifestResolver;
  readonly engine: ReaderEngine;
  readonly settings: ReaderSettings;
  readonly pool: GenerationPool;
  readonly closing: AbortSignal;
  readonly warn: (message: string) => void;
}

/** What came of opening what the manifest names. `gone`: there was no usable manifest any more. */
export type Opening =
  | { readonly kind: "opened"; readonly sighting: ManifestSighting; readonly generation: Generation }
  | { readonly kind: "failed"; readonly sighting: ManifestSighting; readonly error: LockkeeperError }
  | { readonly kind: "gone" };

/**
 * Opens the release that the manifest names, warmed and ready to serve. The manifest is the same before and after the file was opened, or
 * it is tried again: a reader that stalls between the two over a pair of switches would otherwise serve one release under another's name.
 */
export async function openActive(context: OpeningContext): Promise<Opening> {
  for (let attempt = 1; ; attempt += 1) {
    const sighting = context.resolver.look();
    if (sighting.kind !== "manifest") return { kind: "gone" };
    try {
      return { kind: "opened", sighting, generation: await attemptOpen(context, sighting, attempt) };
    } catch (cause) {
      const error = ioError(cause, "open the release that is named by", context.resolver.path);
      const moved = error.code === "MANIFEST_MOVED" || context.resolver.look() !== sighting;
      const again = (moved || error.code === "FILE_LOCKED") && attempt < attemptsMax && !context.closing.aborted;
      if (!again) return { kind: "failed", sighting, error };
      const waitMs = moved ? attempt - 1 : Math.min(2 ** (attempt - 1), lockedWaitMaxMs);
      await sleep(context.store.platform.clock, waitMs, { signal: context.closing });
    }
  }
}

async function attemptOpen(context: OpeningContext, sighting: ManifestSighting, attempt: number): Promise<Generation> {
  const target = await locateRelease(context.store, sighting);
  const { pin, unpinned } = await pinRelease(context, target, attempt);
  await verified(context, { target, pin });
  const generation = await openTarget(context, { target, pin, verify: () => sameManifest(context, sighting) });
  await warmUp(context, generation);
  await prime(context, generation);
  if (unpinned !== undefined)
    context.warn(`release ${target.release} is served without a pin, so prune cannot see this reader: ${unpinned}`);
  return generation;
}

/** Reads every file of a release, where the settings want that, before anything of it is open here. Where it throws, as `assertSealed` does, the pin is let go. */
export async function verified(
  { engine, settings, closing }: Pick<OpeningContext, "engine" | "settings" | "closing">,
  { target, pin }: { readonly target: ReleaseTarget; readonly pin: Pin | undefined },
): Promise<void> {
  if (settings.verify !== "sha256" || target.files === undefined) return;
  try {
    await assertSealed(engine, target.files, { release: target.release, signal: closing });
  } catch (error) {
    await pin?.release();
    throw error;
  }
}

/** Opens a target and takes it into the pool. `verify` runs before and after the engine opens the file, and throws if it may not serve. */
export async function openTarget(
  context: Pick<OpeningContext, "engine" | "settings" | "pool">,
  opening: { readonly target: ReleaseTarget; readonly pin: Pin | undefined; readonly verify: () => void },
): Promise<Generation> {
  const { target, pin, verify } = opening;
  try {
    verify();
    const { concurrency, engine: settings } = context.settings;
    const { path, names, parquet } = target;
    const database = await context.engine.open({ path, names, parquet, concurrency, settings });
    try {
      verify();
      return context.pool.add({ target, database, pin });
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    await pin?.release();
    throw error;
  }
}

function sameManifest(context: OpeningContext, sighting: ManifestSighting): void {
  if (context.closing.aborted) throw readerClosed();
  if (context.resolver.look() === sighting) return;
  throw new LockkeeperError("MANIFEST_MOVED", `${context.resolver.path} was replaced while its release was being opened`, {
    subject: context.resolver.path,
  });
}

async function pinRelease(
  context: OpeningContext,
  target: ReleaseTarget,
  attempt: number,
): Promise<{ readonly pin: Pin | undefined; readonly unpinned?: string }> {
  if (target.pin === undefined) return { pin: undefined };
  const taken = await takePin(context.store.platform, target.pin);
  if (taken.kind === "pinned") return { pin: taken.pin };
  if (taken.kind === "impossible") return { pin: undefined, unpinned: taken.reason };
  if (attempt >= pinAttemptsMax) return { pin: undefined, unpinned: `there is no pin file at ${target.pin}` };
  throw new LockkeeperError("MANIFEST_MOVED", `release ${target.release} has no pin at ${target.pin}; it is being replaced`, {
    subject: target.pin,
  });
}

async function warmUp(context: OpeningContext, generation: Generation): Promise<void> {
  const { warmup, rowsMax, timeMaxMs, bytesMax } = context.settings;
  for (const [index, sql] of warmup.entries()) {
    try {
      await generation.query(sql, undefined, { rowsMax, timeMaxMs, bytesMax, signal: context.closing });
    } catch (cause) {
      await context.pool.discard(generation);
      const { code, hint } = ioError(cause, "warm", generation.target.path);
      const message = `warm-up statement ${index + 1} failed on release ${generation.target.release}: ${firstLine(cause)}`;
      throw new LockkeeperError(code, message, {
        ...(hint !== undefined && { hint }),
        subject: generation.target.release,
        cause,
      });
    }
  }
}

async function prime(context: OpeningContext, generation: Generation): Promise<void> {
  const { settings } = context;
  if (settings.prime === undefined) return;
  const hold = generation.hold();
  const lent = lendRelease(generation, settings);
  try {
    // What the manifest names has a version.
    await settings.prime(lent.release as BorrowedRelease);
  } catch (error) {
    context.warn(`release ${generation.target.release} serves unprimed: ${firstLine(error)}`);
  } finally {
    await lent.end();
    hold.end();
  }
}
