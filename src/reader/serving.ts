import { fallbackRelease, type Fallback } from "./fallback/fallback.ts";
import type { Generation } from "./generation.ts";
import type { ManifestSighting, Sighting } from "./resolver.ts";

/** What a reader serves from, and the look at the manifest that led to it. */
export type Serving =
  | { readonly kind: "manifest"; readonly sighting: ManifestSighting; readonly generation: Generation }
  | { readonly kind: "fallback"; readonly sighting: Sighting; readonly fallback: Fallback };

/** The served release in the words of events and status. */
export interface ServedRelease {
  readonly mode: "manifest" | "fallback";
  readonly release: string;
  readonly version: number;
  readonly active: string | undefined;
  /** RFC 3339 UTC; `undefined` when there is nothing at the fallback. */
  readonly lastUpdated: string | undefined;
}

/** What is served now; the fallback's `lastUpdated` is when its newest file was written. */
export function describeServed(serving: Serving): ServedRelease {
  if (serving.kind === "fallback") {
    return {
      mode: "fallback",
      release: fallbackRelease,
      version: 0,
      active: undefined,
      lastUpdated: serving.fallback.modifiedAt(),
    };
  }
  const { release, active, lastUpdated } = serving.generation.target;
  const { version } = serving.sighting.manifest;
  return { mode: "manifest", release, version, active, lastUpdated };
}
