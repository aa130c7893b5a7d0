import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ReleaseStoreConfig } from "../model/config.ts";
import { didYouMean } from "../model/nearest.ts";
import type { ChecksResult, PathResult, PublishResult, StoreStatus, SwitchResult } from "../model/results.ts";
import type { Reader } from "../reader/reader.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { adopt, type AdoptOptions } from "../release/adopt.ts";
import { checkRelease } from "../release/check.ts";
import { initialize } from "../release/initialize.ts";
import { openReleaseStore } from "../release/open.ts";
import { releasePath } from "../release/path.ts";
import { publish } from "../release/publish.ts";
import { rollback, type RollbackOptions } from "../release/rollback.ts";
import { storeStatus } from "../release/status.ts";
import type { BuildContext, BuildSource, OperationOptions, ReleaseStore } from "../release/store.ts";
import { loadConfig, workingFolder, type ConfigLocation, type LoadedConfig } from "./config-file.ts";
import { readerOptions, releaseStoreOptions } from "./store-options.ts";
import { readerFor, releaseTools, type WarningSink } from "./wiring.ts";

/** How a store's data is made: a function that writes `build.path`, or a command that does (it finds the path in `DUCKDB_PATH`). */
export type Build = ((build: BuildContext) => Promise<void>) | BuildCommand;

/** A command to run for a build. */
export interface BuildCommand {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  /** Where it runs. Default: the working folder. */
  readonly folder?: string | undefined;
}

/** Options of `workspace.publish`. */
export interface WorkspacePublishOptions extends OperationOptions {
  /** Start from a copy of the active release. Not in this version: throws `FEATURE_MISSING`. */
  readonly base?: "active" | undefined;
}

/** The stores of one `lockkeeper.toml`. Methods take a store's id and throw `STORE_UNKNOWN` for one that is not configured. */
export interface Workspace {
  /** Absolute path of the configuration file. */
  readonly configPath: string;
  /** Ids of the stores, in the file's order. */
  readonly stores: readonly string[];
  /**
   * Builds a release, checks it and switches readers to it. Without `build` the store's `build.command` runs, in the folder of the
   * configuration file; without either it throws `USAGE`. A refused build resolves with outcome `refused`; a failed one throws.
   */
  publish(store: string, build?: Build, options?: WorkspacePublishOptions): Promise<PublishResult>;
  /** Makes an older release active again, under a new version. */
  rollback(store: string, options?: RollbackOptions): Promise<SwitchResult>;
  /** Takes a store that another program switched under care. */
  adopt(store: string, options?: AdoptOptions): Promise<SwitchResult>;
  /** Copies an existing DuckDB file into an empty store as its first release; the source stays. */
  initialize(store: string, sourceFile: string, options?: OperationOptions): Promise<SwitchResult>;
  /** Runs the checks on the active release. Changes nothing. */
  check(store: string, options?: { readonly release?: string | undefined }): Promise<ChecksResult>;
  /** Where the active release's files lie, or those that hold a table. */
  path(store: string, options?: { readonly table?: string | undefined }): Promise<PathResult>;
  /** What is active in each store. Opens no database and never throws for a broken store. */
  status(): Promise<StoreStatus[]>;
  /** How `openReader({ workspace, store })` opens a store. */
  readerOptions(store: string): ReaderOptions;
  /** Opens a reader on a store; `close()` of the workspace closes it too. `warn` takes the warnings that no listener takes (default `process.emitWarning`). */
  openReader(store: string, options?: { readonly warn?: WarningSink | undefined }): Promise<Reader>;
  /** Aborts what is running, waits for it and closes the readers. Later calls throw `READER_CLOSED`. */
  close(): Promise<void>;
}

/**
 * Opens the workspace of the nearest `lockkeeper.toml`, or of the one named. Reads the file and touches no store. Throws
 * `CONFIG_MISSING`, `CONFIG_INVALID`, `FEATURE_MISSING`.
 */
export async function openWorkspace(location: ConfigLocation = {}): Promise<Workspace> {
  return workspaceOf(await loadConfig(location));
}

/** A workspace of a configuration that is at hand. */
export function workspaceOf(loaded: LoadedConfig): Workspace {
  return new ConfiguredWorkspace(loaded);
}

class ConfiguredWorkspace implements Workspace {
  readonly #loaded: LoadedConfig;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #readers = new Set<Reader>();

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded;
  }

  get configPath(): string {
    return this.#loaded.path;
  }

  get stores(): readonly string[] {
    return Object.keys(this.#loaded.config.stores);
  }

  publish(store: string, build?: Build, options: WorkspacePublishOptions = {}): Promise<PublishResult> {
    return this.#run(options, async (operation) => {
      if (options.base !== undefined) {
        throw new LockkeeperError("FEATURE_MISSING", "builds on a copy of the active release are not in this version", {
          subject: "base",
        });
      }
      return publish(this.#open(store), this.#source(store, build), operation);
    });
  }

  rollback(store: string, options: RollbackOptions = {}): Promise<SwitchResult> {
    return this.#run(options, (operation) => rollback(this.#open(store), operation));
  }

  adopt(store: string, options: AdoptOptions = {}): Promise<SwitchResult> {
    return this.#run(options, (operation) => adopt(this.#open(store), operation));
  }

  initialize(store: string, sourceFile: string, options: OperationOptions = {}): Promise<SwitchResult> {
    return this.#run(options, (operation) => initialize(this.#open(store), sourceFile, operation));
  }

  check(store: string, options: { readonly release?: string | undefined } = {}): Promise<ChecksResult> {
    return this.#run({}, () => checkRelease(this.#open(store), options));
  }

  path(store: string, options: { readonly table?: string | undefined } = {}): Promise<PathResult> {
    return this.#run({}, () => releasePath(this.#open(store), options.table));
  }

  status(): Promise<StoreStatus[]> {
    return this.#run({}, () => Promise.all(this.stores.map((store) => storeStatus(this.#open(store)))));
  }

  readerOptions(store: string): ReaderOptions {
    return readerOptions(this.#loaded, { name: store, settings: this.#settings(store) });
  }

  openReader(store: string, options: { readonly warn?: WarningSink | undefined } = {}): Promise<Reader> {
    return this.#run({}, async () => {
      const reader = await readerFor(this.readerOptions(store), options.warn);
      this.#readers.add(reader);
      return reader;
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the workspace was closed"));
    await Promise.allSettled(this.#running);
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    this.#readers.clear();
  }

  /** Runs one operation so that `close()` can stop it and wait for it. */
  async #run<Options extends OperationOptions, Result>(
    options: Options,
    action: (options: Options) => Promise<Result>,
  ): Promise<Result> {
    if (this.#closing.signal.aborted) {
      throw new LockkeeperError("READER_CLOSED", "the workspace is closed", { hint: "Open another with openWorkspace()." });
    }
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    const running = action({ ...options, signal });
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #settings(store: string): ReleaseStoreConfig {
    const { stores } = this.#loaded.config;
    const settings = Object.hasOwn(stores, store) ? stores[store] : undefined;
    if (settings) return settings;
    const near = didYouMean(store, this.stores);
    throw new LockkeeperError("STORE_UNKNOWN", `${this.configPath} has no store "${store}"${near}`, {
      hint: this.stores.length > 0 ? `It has ${this.stores.join(", ")}.` : "It has no store yet: add [stores.NAME].",
      subject: store,
    });
  }

  #open(store: string): ReleaseStore {
    return openReleaseStore(releaseStoreOptions(this.#loaded, { name: store, settings: this.#settings(store) }), releaseTools());
  }

  #source(store: string, build: Build | undefined): BuildSource {
    const configured = this.#settings(store).build;
    const timeoutMs = configured?.timeout;
    if (typeof build === "function") return { kind: "function", build, timeoutMs };
    if (build) return { kind: "command", argv: build.command, folder: build.folder ?? workingFolder(), timeoutMs };
    if (configured?.command) return { kind: "command", argv: configured.command, folder: this.#loaded.folder, timeoutMs };
    throw new LockkeeperError("USAGE", `nothing to build ${store} with`, {
      hint: `Say \`lockkeeper publish ${store} -- COMMAND\`, or set build.command in ${this.configPath}.`,
      subject: `stores.${store}.build.command`,
    });
  }
}
