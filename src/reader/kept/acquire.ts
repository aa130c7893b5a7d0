import { releaseOf } from "../../model/manifest.ts";
import { fallbackRelease } from "../fallback/fallback.ts";
import type { AcquireOptions, Follower } from "../follower.ts";
import type { Hold } from "../generation.ts";
import type { ManifestResolver } from "../resolver.ts";
import type { KeptShelf } from "./shelf.ts";

/**
 * A hold on one release, whatever is active. The generation that serves is used when it is that one, at once, also while another release waits to be opened: `freshness` is about requests that
 * take what is active. Else, where the manifest names it or a version is waited for, the follower is asked first, and then the shelf. Throws what either throws.
 */
export async function acquireNamed(
  parts: { readonly follower: Follower; readonly shelf: KeptShelf; readonly resolver: ManifestResolver },
  release: string,
  options: AcquireOptions,
): Promise<Hold> {
  const { follower, shelf, resolver } = parts;
  const serving = options.minVersion === undefined ? follower.holdServing(release) : undefined;
  if (serving !== undefined) return serving;
  const sighting = resolver.look();
  const isNamed = sighting.kind === "manifest" && releaseOf(sighting.manifest) === release;
  if (isNamed || options.minVersion !== undefined || release === fallbackRelease) {
    const hold = await follower.acquire(options);
    if (hold.generation.target.release === release) return hold;
    hold.end();
  }
  return shelf.acquire(release, options.signal);
}
