import type { ReleaseTarget } from "../locate.ts";

/** What a fallback serves now. */
export interface FallbackData {
  /** Changes when the data does: two looks with equal keys saw the same files. */
  readonly key: string;
  /** When the newest of its files was written. */
  readonly modifiedNs: bigint;
  readonly target: Pick<ReleaseTarget, "path" | "names" | "parquet">;
}

/** Where a fallback's data may lie: a file or a folder that another program writes in place. */
export interface FallbackSource {
  /** As it was named. */
  readonly path: string;
  /** For messages: "the single file /data/app.duckdb". */
  readonly description: string;
  /** For the message where it has nothing: "no file at /data/app.duckdb". */
  readonly absence: string;
  /** What lies there now; `undefined` where nothing does. Throws `CONFIG_INVALID` for what cannot be served from there, whatever is written to it. */
  find(): Promise<FallbackData | undefined>;
  /** Throws for data that was found and cannot be read to its end: `BUILD_UNFINISHED` where it is being written, `DATABASE_CORRUPT`. */
  assertWhole(data: FallbackData): Promise<void>;
  /** When the newest of its files was written, as far as a look without waiting tells. */
  modifiedNow(): bigint | undefined;
}
