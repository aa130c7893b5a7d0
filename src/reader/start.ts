import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { ioError } from "../platform/io-error.ts";
import type { Fallback } from "./fallback.ts";
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
  if (fallback === undefined || (fallback.modifiedAt() === undefined && sighting.kind === "missing"))
    throw noRelease(sighting, fallback);
  try {
    await fallback.probe();
  } catch (cause) {
    const { code, message, hint } = ioError(cause, "open", fallback.path);
    throw new LockkeeperError(code, `${sighting.error.message}, and the fallback cannot serve: ${message}`, {
      ...(hint !== undefined && { hint }),
      subject: fallback.path,
      cause,
    });
  }
  context.warn(`${sighting.error.message}: serving the single file ${fallback.path}`);
  return { kind: "fallback", sighting, fallback };
}

function noRelease(sighting: BadSighting, fallback: Fallback | undefined): LockkeeperError {
  if (sighting.kind === "unusable") return sighting.error;
  const { message, subject } = sighting.error;
  const second =
    fallback === undefined
      ? "no fallback is set (option `fallback`, variable DUCKDB_PATH)"
      : `no fallback file at ${fallback.path}`;
  return new LockkeeperError("NO_RELEASE", `${message}, and ${second}`, {
    hint: "Publish a release, put a manifest there, or name a single file as fallback.",
    ...(subject !== undefined && { subject }),
  });
}
