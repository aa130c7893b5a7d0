import { LockkeeperError, firstLine } from "../errors/lockkeeper-error.ts";
import { identifyManifest, manifestBytesMax, manifestIdentity, type Manifest } from "../model/manifest.ts";
import { ioError } from "../platform/io-error.ts";
import type { FileStat, Platform } from "../platform/port.ts";

/** A usable manifest, as it was seen. One object stands for one identity: an unchanged manifest gives the same object. */
export interface ManifestSighting {
  readonly kind: "manifest";
  /** Rises with every change that was seen. */
  readonly sequence: number;
  /** Device, inode, size, change time and sha256 of the bytes: versions do not tell manifests apart. */
  readonly identity: string;
  readonly manifest: Manifest;
  /** When the file was written, RFC 3339 UTC. */
  readonly modifiedAt: string;
}

/** No usable manifest: nothing at the path, or something that cannot be read as one. */
export interface BadSighting {
  readonly kind: "missing" | "unusable";
  readonly sequence: number;
  readonly identity: string;
  /** Since when there was nothing better to see, on the monotonic clock. */
  readonly sinceMs: number;
  readonly error: LockkeeperError;
}

/** What a look at the manifest shows. */
export type Sighting = ManifestSighting | BadSighting;

/**
 * A file younger than this when it was read is read again at the next look: within one tick of the file system's clock (up to
 * 10 ms) a second change in place leaves the change time as it was.
 */
const settledMs = 20;

/** Looks at a store's manifest, cheaply enough for every request: one `stat` while nothing changes. */
export class ManifestResolver {
  readonly path: string;
  readonly #platform: Platform;
  #last: Sighting | undefined;
  #stat: FileStat | undefined;
  #sequence = 0;

  constructor(platform: Platform, path: string) {
    this.#platform = platform;
    this.path = path;
  }

  /** Never throws: what goes wrong is a `BadSighting`. */
  look(): Sighting {
    try {
      return this.#look();
    } catch (cause) {
      this.#stat = undefined;
      return this.#seeBad("unusable", `error:${firstLine(cause)}`, () => unreadable(this.path, cause));
    }
  }

  #look(): Sighting {
    const { files } = this.#platform;
    const stat = files.statNow(this.path);
    if (stat !== undefined && this.#last !== undefined && this.#stat !== undefined && sameFile(stat, this.#stat))
      return this.#last;
    this.#stat = undefined;
    const read = stat === undefined ? undefined : files.readNow(this.path, manifestBytesMax);
    if (read === undefined) return this.#seeBad("missing", "missing", () => missing(this.path));
    return this.#see(read);
  }

  #see(read: { readonly bytes: Buffer | undefined; readonly stat: FileStat }): Sighting {
    const { bytes, stat } = read;
    const ageMs = this.#platform.clock.now().getTime() - Number(stat.changedNs / 1_000_000n);
    if (ageMs >= settledMs) this.#stat = stat;
    const identity = manifestIdentity(bytes ?? Buffer.from(stat.kind), stat);
    if (this.#last?.identity === identity) return this.#last;
    try {
      const { manifest } = identifyManifest(read, this.path);
      const modifiedAt = new Date(Number(stat.modifiedNs / 1_000_000n)).toISOString();
      this.#last = { kind: "manifest", sequence: ++this.#sequence, identity, manifest, modifiedAt };
      return this.#last;
    } catch (error) {
      return this.#seeBad("unusable", identity, () => unreadable(this.path, error));
    }
  }

  #seeBad(kind: BadSighting["kind"], identity: string, error: () => LockkeeperError): BadSighting {
    const last = this.#last;
    if (last?.kind === kind && last.identity === identity) return last;
    const sinceMs = last?.kind === kind ? last.sinceMs : this.#platform.clock.monotonicMs();
    const seen: BadSighting = { kind, sequence: ++this.#sequence, identity, sinceMs, error: error() };
    this.#last = seen;
    return seen;
  }
}

function sameFile(left: FileStat, right: FileStat): boolean {
  return (
    left.inode === right.inode &&
    left.changedNs === right.changedNs &&
    left.bytes === right.bytes &&
    left.device === right.device &&
    left.kind === right.kind
  );
}

function missing(path: string): LockkeeperError {
  return new LockkeeperError("NO_RELEASE", `there is no manifest at ${path}`, {
    hint: "Publish a release, or put the manifest back.",
    subject: path,
  });
}

function unreadable(path: string, cause: unknown): LockkeeperError {
  const error = ioError(cause, "read", path);
  return error.code === "IO_FAILED" ? new LockkeeperError("MANIFEST_INVALID", error.message, { subject: path, cause }) : error;
}
