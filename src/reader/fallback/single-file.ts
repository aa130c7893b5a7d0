import { basename as fileName } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { reservedBasenames } from "../../model/names.ts";
import type { FileStat, Platform } from "../../platform/port.ts";
import type { FallbackData, FallbackSource } from "./source.ts";

/** The single DuckDB file that an app served before it had releases. A link to one may be turned to another. */
export class SingleFile implements FallbackSource {
  readonly path: string;
  readonly #platform: Platform;
  readonly #basename: string | undefined;

  constructor(platform: Platform, path: string, basename: string | undefined) {
    this.#platform = platform;
    this.path = path;
    this.#basename = basename;
  }

  get description(): string {
    return `the single file ${this.path}`;
  }

  get absence(): string {
    return `no file at ${this.path}`;
  }

  async find(): Promise<FallbackData | undefined> {
    const { files } = this.#platform;
    const there = files.statNow(this.path);
    const isLink = there?.kind === "symlink";
    const path = isLink ? await files.resolve(this.path) : this.path;
    const stat = path !== undefined && isLink ? files.statNow(path) : there;
    if (path === undefined || stat === undefined) return undefined;
    if (stat.kind !== "file") {
      throw new LockkeeperError("CONFIG_INVALID", `the fallback ${this.path} is not a regular file`, { subject: this.path });
    }
    const looks = isLink ? [there, stat] : [stat];
    return {
      key: looks.map(fileKey).join(" "),
      modifiedNs: stat.modifiedNs,
      target: { path, names: this.#names(), parquet: [] },
    };
  }

  assertWhole(): Promise<void> {
    // The engine says so as it opens it.
    return Promise.resolve();
  }

  modifiedNow(): bigint | undefined {
    return this.#platform.files.statNow(this.path)?.modifiedNs;
  }

  #names(): string[] {
    const stem = fileName(this.path).replace(/\.[^.]*$/, "");
    const reserved = reservedBasenames.has(stem.toLowerCase());
    const basename = this.#basename;
    if (basename === undefined && reserved) {
      throw new LockkeeperError("CONFIG_INVALID", `the fallback file's name "${stem}" cannot be a catalogue name`, {
        hint: "Rename the file, or give the option `basename`.",
        subject: this.path,
      });
    }
    return [basename ?? stem, ...(basename === undefined || basename === stem || reserved ? [] : [stem])];
  }
}

/** Changes when a file does. */
export function fileKey(stat: FileStat): string {
  return `${stat.device}:${stat.inode}:${stat.bytes}:${stat.modifiedNs}`;
}
