import { join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { ParquetArtifact, ParquetSource } from "../../model/artifact.ts";
import { artifactsIn, mayHoldParquet, parquetFolder } from "../../model/parquet-folder.ts";
import type { FileStat, Platform } from "../../platform/port.ts";
import { listTree } from "../../platform/tree.ts";
import type { ReaderEngine } from "../engine.ts";
import { fileKey } from "./single-file.ts";
import type { FallbackData, FallbackSource } from "./source.ts";

/** A folder of Parquet tables, and how they lie in it. */
export interface ParquetPlace {
  /** Absolute. */
  readonly dir: string;
  /** Where nobody has said: what lies there tells, as `artifactsIn` reads it. */
  readonly artifacts: readonly ParquetArtifact[] | undefined;
}

/**
 * Parquet tables in a folder that another program writes in place, each file complete or not there. Nothing makes its tables one version: that is what releases are for. Files with names that
 * begin with `tmp_`, which the engine puts in the place of others when it has written them, are no tables yet.
 */
export class ParquetFiles implements FallbackSource {
  readonly path: string;
  readonly #platform: Platform;
  readonly #engine: ReaderEngine;
  readonly #artifacts: readonly ParquetArtifact[] | undefined;
  #newest: bigint | undefined;
  #running: Promise<FallbackData | undefined> | undefined;
  #next: Promise<FallbackData | undefined> | undefined;

  constructor(platform: Platform, engine: ReaderEngine, place: ParquetPlace) {
    this.#platform = platform;
    this.#engine = engine;
    this.path = place.dir;
    this.#artifacts = place.artifacts;
  }

  get description(): string {
    return `the Parquet files below ${this.path}`;
  }

  get absence(): string {
    return `no Parquet table below ${this.path}`;
  }

  /** A look that begins now, or, for who comes while one is under way, the one after it, which they share. */
  find(): Promise<FallbackData | undefined> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  async assertWhole({ target }: FallbackData): Promise<void> {
    await this.#engine.assertParquetEnds(target.parquet.flatMap(({ files }) => files));
  }

  modifiedNow(): bigint | undefined {
    return this.#newest;
  }

  #start(): Promise<FallbackData | undefined> {
    const running = this.#look().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #look(): Promise<FallbackData | undefined> {
    const listed = await listTree(this.#platform, this.path, mayHoldParquet);
    const entries = listed.map(({ path, stat }) => ({ path, kind: stat.kind }));
    const { tables, problems } = parquetFolder(this.#artifacts ?? artifactsIn(entries), entries);
    const kinds = new Map(entries.map(({ path, kind }) => [path, kind]));
    const link = problems.find(({ path }) => path.endsWith(".parquet") && kinds.get(path) === "symlink");
    if (link !== undefined) throw linked(join(this.path, link.path));
    const stats = new Map(listed.map(({ path, stat }) => [path, stat]));
    const parquet = tables.map(({ schema, name, files, parquet: { hive } }): ParquetSource => {
      const state = files.map((path) => keyOf(stats.get(path))).join(" ");
      return { schema, name, hive, state, files: files.map((path) => join(this.path, ...path.split("/"))) };
    });
    const seen = tables.flatMap(({ files }) => files.flatMap((path) => stats.get(path) ?? []));
    const times = seen.map((stat) => stat.modifiedNs);
    const modifiedNs = times.reduce((newest, time) => (time > newest ? time : newest), 0n);
    this.#newest = times.length === 0 ? undefined : modifiedNs;
    const [first] = parquet.flatMap(({ files }) => files);
    if (first === undefined) return undefined;
    return {
      key: JSON.stringify(parquet),
      modifiedNs,
      target: { path: first, names: [], parquet },
    };
  }
}

function keyOf(stat: FileStat | undefined): string {
  return stat === undefined ? "" : fileKey(stat);
}

function linked(path: string): LockkeeperError {
  return new LockkeeperError("CONFIG_INVALID", `${path} is a link, and links among Parquet files are not followed`, {
    hint: "Put the file itself there, or name the folder that it lies in.",
    subject: path,
  });
}
