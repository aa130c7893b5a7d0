import { firstLine, isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { ioError } from "../platform/io-error.ts";
import type { Fallback } from "./fallback/fallback.ts";
import { badLookEveryMs, badSettleMs } from "./follower.ts";
import { openActive, type OpeningContext } from "./opening.ts";
import type { BadSighting } from "./resolver.ts";
import type { Serving } from "./serving.ts";
import { deadlineIn, sleep } from "./waiting.ts";

/**
 * What a starting reader serves from: the release that the manifest names, or, where there is no usable manifest, the fallback with one
 * warning. A good manifest whose release cannot be opened is an error, not a reason for the fallback: its data may be years old. Throws that
 * error; else `NO_RELEASE`, or what is wrong with the manifest.
 */
export async function firstServing(context: OpeningContext, fallback: Fallback | undefined): Promise<Serving> {
  const { clock } = context.store.platform;
  const deadline = deadlineIn(clock, context.settings.waitMs);
  for (;;) {
    const sighting = context.resolver.look();
    if (sighting.kind === "manifest") {
      const opening = await openActive(context);
      if (opening.kind === "failed") throw opening.error;
      if (opening.kind === "gone") continue;
      opening.generation.activate();
      return { kind: "manifest", sighting: opening.sighting, generation: opening.generation };
    }
    // A manifest that keeps coming and going is bad, too.
    if (clock.monotonicMs() - sighting.sinceMs < badSettleMs && deadline.leftMs() > 0) {
      await sleep(clock, badLookEveryMs);
      continue;
    }
    return withoutManifest(context, fallback, sighting);
  }
}

async function withoutManifest(context: OpeningContext, fallback: Fallback | undefined, sighting: BadSighting): Promise<Serving> {
  if (fallback === undefined) throw noRelease(sighting, noneSet);
  try {
    await fallback.probe();
  } catch (cause) {
    const isMissing = isLockkeeperError(cause, "UNAVAILABLE") && isLockkeeperError(cause.cause, "FILE_MISSING");
    if (isMissing && sighting.kind === "missing") throw noRelease(sighting, firstLine(cause.cause));
    const { code, message, hint, subject } = ioError(cause, "open", fallback.description);
    throw new LockkeeperError(code, `${sighting.error.message}, and the fallback cannot serve: ${message}`, {
      ...(hint !== undefined && { hint }),
      ...(subject !== undefined && { subject }),
      cause,
    });
  }
  context.warn(`${sighting.error.message}: serving ${fallback.description}`);
  return { kind: "fallback", sighting, fallback };
}

const noneSet = "no fallback is set (options `fallback` and `fallbackParquet`, variables DUCKDB_PATH and PARQUET_DIR)";

function noRelease(sighting: BadSighting, second: string): LockkeeperError {
  if (sighting.kind === "unusable") return sighting.error;
  const { message, subject } = sighting.error;
  return new LockkeeperError("NO_RELEASE", `${message}, and ${second}`, {
    hint: "Publish a release, put a manifest there, or name a file or a folder of Parquet tables as fallback.",
    ...(subject !== undefined && { subject }),
  });
}
