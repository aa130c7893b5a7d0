import type { Follower } from "./follower.ts";
import type { GenerationState } from "./generation.ts";
import type { GenerationPool } from "./pool.ts";
import type { Sighting } from "./resolver.ts";
import { describeServed } from "./serving.ts";

/** One open form of a release, as `status()` tells it. */
export interface GenerationStatus {
  readonly id: number;
  readonly state: GenerationState;
  /** The release id; of a build in quarantine, the build's id. */
  readonly release: string;
  /** Absent for what was never active. */
  readonly version?: number;
  readonly pinned: boolean;
  /** Requests and queries that hold it. */
  readonly inFlightRequests: number;
  /** RFC 3339 UTC. An old one is a query that does not let itself be interrupted. */
  readonly drainingSince?: string;
}

/** What a reader serves, against what is published. The body of `/api/db-status`, and more. */
export interface ReaderStatus {
  /** Whether what is published is what is served. */
  readonly ok: boolean;
  readonly mode: "manifest" | "fallback";
  /** The manifest's `active`; null in fallback mode. */
  readonly active: string | null;
  readonly release: string;
  /** 0 in fallback mode. */
  readonly servingVersion: number;
  /** Of the manifest as it lies there now; null where there is no usable one. */
  readonly publishedVersion: number | null;
  readonly lastUpdated: string | null;
  readonly pinned: boolean;
  readonly generations: readonly GenerationStatus[];
  /** Openings of what is published that failed in a row; 0 where it serves. */
  readonly failures: number;
  /** Why the manifest, or the release that it names, cannot be served; null where it can. */
  readonly lastManifestError: { readonly code: string; readonly message: string } | null;
}

/** A reader's state now, from memory and one look at the manifest. */
export function readerStatus(follower: Follower, pool: GenerationPool, sighting: Sighting): ReaderStatus {
  const { serving } = follower;
  const served = describeServed(serving);
  const error = follower.degraded ?? (sighting.kind === "manifest" ? undefined : sighting.error);
  const absent = serving.kind === "fallback" && sighting.kind === "missing";
  return {
    ok:
      follower.degraded === undefined &&
      (absent || sighting.identity === serving.sighting.identity) &&
      (absent || sighting.kind === "manifest"),
    mode: served.mode,
    active: served.active ?? null,
    release: served.release,
    servingVersion: served.version,
    publishedVersion: sighting.kind === "manifest" ? sighting.manifest.version : null,
    lastUpdated: served.lastUpdated ?? null,
    pinned: serving.kind === "manifest" && serving.generation.pinned,
    generations: pool.list().map((generation) => {
      const { id, state, pinned, inFlight, drainingSince, target } = generation;
      const since = drainingSince === undefined ? {} : { drainingSince: drainingSince.toISOString() };
      const { release, version } = target;
      return { id, state, release, ...(version !== undefined && { version }), pinned, inFlightRequests: inFlight, ...since };
    }),
    failures: follower.failures,
    lastManifestError: error === undefined ? null : { code: error.code, message: error.message },
  };
}
