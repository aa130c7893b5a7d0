import type { ServeAlarms } from "../../model/serve-config.ts";
import { counted, formatElapsed } from "../../model/units.ts";
import type { ReaderStatus } from "../../reader/status.ts";
import { elapsedSince, type Trouble } from "./alarm.ts";

/** What a look saw of a store, as far as its reader goes. */
export interface StoreLook {
  /** `undefined` where no reader is open. */
  readonly status: ReaderStatus | undefined;
  /** Tries to open a reader that failed in a row. */
  readonly openFailures: number;
  /** The code of the last of them. */
  readonly openFailure: string | undefined;
  /** How long the release that serves has not been the one that is published, by the monotonic clock; `undefined` where it is. */
  readonly behindForMs: number | undefined;
  readonly now: Date;
}

/** What is served has not been what is published for too long. */
export function behindTrouble({ status, behindForMs, now }: StoreLook, { behindMs }: ServeAlarms): Trouble | undefined {
  if (status === undefined || behindForMs === undefined || behindForMs <= behindMs) return undefined;
  const { servingVersion, publishedVersion, lastManifestError } = status;
  const published = publishedVersion === null ? "there is no usable manifest" : `version ${publishedVersion} is published`;
  const why = lastManifestError === null ? "" : ` (${lastManifestError.code})`;
  const since = new Date(now.getTime() - behindForMs);
  return {
    level: "fail",
    detail: `version ${servingVersion} serves and ${published}, for ${formatElapsed(behindForMs)} now${why}`,
    since,
  };
}

/** What is published fails to open again and again, or nothing could be opened at all. */
export function failingTrouble(look: StoreLook, { failing }: ServeAlarms): Trouble | undefined {
  const { status, openFailures, openFailure } = look;
  if (status === undefined) {
    if (openFailures < failing) return undefined;
    return {
      level: "fail",
      detail: `nothing serves: ${counted(openFailures, "opening")} in a row failed, the last with ${openFailure}`,
    };
  }
  if (status.failures < failing) return undefined;
  const code = status.lastManifestError?.code ?? "an unknown error";
  return {
    level: "fail",
    detail: `${counted(status.failures, "opening")} of what is published failed in a row, the last with ${code}; version ${status.servingVersion} serves on`,
  };
}

/** A release that was replaced is still held. */
export function drainingTrouble({ status, now }: StoreLook, { drainingMs }: ServeAlarms): Trouble | undefined {
  const drains = (status?.generations ?? []).flatMap(({ release, inFlightRequests, drainingSince }) =>
    drainingSince === undefined ? [] : [{ release, inFlightRequests, since: new Date(drainingSince) }],
  );
  const [oldest] = drains.toSorted((left, right) => left.since.getTime() - right.since.getTime());
  if (oldest === undefined || now.getTime() - oldest.since.getTime() <= drainingMs) return undefined;
  return {
    level: "warn",
    detail: `release ${oldest.release} has been draining for ${elapsedSince(oldest.since, now)}; requests and queries that hold it: ${oldest.inFlightRequests}`,
    since: oldest.since,
  };
}
