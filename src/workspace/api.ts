import type { DoctorCheck } from "../model/doctor/check.ts";
import type { BootstrapResult } from "../model/bootstrap.ts";
import type { Check, CheckResult } from "../model/check.ts";
import type { DatasetConfig, RecordedDataset } from "../model/dataset.ts";
import type { StoreEvent } from "../model/events.ts";
import type {
  BuildResult,
  BuildsResult,
  BuildSummary,
  ChecksResult,
  LocksResult,
  PathResult,
  PruneResult,
  PublishResult,
  ReleaseResult,
  ReleasesResult,
  StoreFreshness,
  StoreStatus,
  SwitchResult,
  WebhookStatus,
} from "../model/results.ts";
import type { ReleaseMark } from "../model/release-mark.ts";
import type { DiffResult } from "../model/diff.ts";
import type { NamedQuery } from "../model/named-query.ts";
import type { ServeSettings } from "../model/serve-config.ts";
import type { DiffRequest } from "../reader/kept/diff.ts";
import type { QueryRequest } from "../reader/kept/visit.ts";
import type { Reader, ReaderRows } from "../reader/reader.ts";
import type { PrimeRelease, ReaderOptions } from "../reader/options.ts";
import type { AdoptOptions } from "../release/adopt.ts";
import type { CheckOptions } from "../release/check.ts";
import type { AbortOptions } from "../release/detached/abort.ts";
import type { BeginOptions } from "../release/detached/begin.ts";
import type { CommitOptions } from "../release/detached/commit.ts";
import type { RenewOptions } from "../release/detached/renew.ts";
import type { StoreEventFeed } from "../release/events.ts";
import type { PinOptions } from "../release/marks.ts";
import type { RollbackOptions } from "../release/rollback.ts";
import type { BuildContext, OperationOptions } from "../release/store.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import type { DoctorOptions } from "./doctor/doctor.ts";
import type { WorkspaceEventsOptions } from "./events.ts";
import type { ConfiguredTokens } from "./tokens.ts";
import type { WarningSink } from "./wiring.ts";

/** How a store's data is made: a function that writes `build.path`, a command that does (it finds the path in `DUCKDB_PATH`), or files of SQL statements. */
export type Build = ((build: BuildContext) => Promise<void>) | BuildCommand | BuildSql | BuildFromFolder;

/** A folder that another program writes in place, to copy a release from. */
export interface BuildFromFolder {
  /** Files lie in it as in a build's folder: each artifact below its `path`. Relative to the working folder. */
  readonly fromDir: string;
}

/** SQL to run for a build, on its own database file. */
export interface BuildSql {
  /** A folder whose `.sql` files run in the order of their names, or one file. */
  readonly sql: string;
  /** Where it runs: what relative paths in it, and `sql` itself, begin at. Default: the working folder. */
  readonly folder?: string | undefined;
}

/** A command to run for a build. */
export interface BuildCommand {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  /** Where it runs. Default: the working folder. */
  readonly folder?: string | undefined;
}

/** Options of `workspace.publish`. */
export interface WorkspacePublishOptions extends OperationOptions {
  /**
   * Begin with a copy of the active release at `build.path`, for a build that changes a part. Throws `NO_RELEASE` where there is none, and `BASE_MOVED` when
   * something else became active before the build was committed; it then lies in quarantine.
   */
  readonly base?: "active" | undefined;
}

/** Options of `workspace.webhooks`. */
export interface WebhooksOptions {
  /** One store; default: all of them. */
  readonly store?: string | undefined;
  /** Sends what is due first, for ten minutes a store at most. */
  readonly deliver?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `workspace.openReader`. */
export interface OpenReaderOptions {
  /** Takes the warnings that no listener takes. Default: `process.emitWarning`. */
  readonly warn?: WarningSink | undefined;
  /** Bounds beside those of the store; the narrower counts. */
  readonly limits?: { readonly timeMs?: number | undefined } | undefined;
  /** As the reader's option. */
  readonly prime?: PrimeRelease | undefined;
}

/** The stores of one `lockkeeper.toml`. Methods take a store's id and throw `STORE_UNKNOWN` for one that is not configured. */
export interface Workspace {
  /** Absolute path of the configuration file. */
  readonly configPath: string;
  /** Ids of the stores, in the file's order. */
  readonly stores: readonly string[];
  /**
   * Builds a release, checks it and switches readers to it. Without `build` the store's `build.command` or `build.sql` runs, in the folder of the
   * configuration file; without either it throws `USAGE`. A refused build resolves with outcome `refused`; a failed one throws.
   */
  publish(store: string, build?: Build, options?: WorkspacePublishOptions): Promise<PublishResult>;
  /** Begins a build that other processes write, over time. `environment` of the result says where. */
  beginBuild(store: string, options?: BeginOptions): Promise<BuildResult>;
  /** Publishes a detached build, found by its id. A refused one resolves with outcome `refused`; whatever else fails leaves it to be committed again. */
  commitBuild(build: string, options?: CommitOptions): Promise<PublishResult>;
  /** Lets a detached build's lease begin anew. */
  renewBuild(build: string, options?: RenewOptions): Promise<BuildResult>;
  /** Gives a detached build up and removes its folder. */
  abortBuild(build: string, options?: AbortOptions): Promise<BuildSummary>;
  /** The builds that are no releases yet, of one store or of all. Changes nothing. */
  builds(store?: string): Promise<BuildsResult>;
  /** Makes an older release active again, under a new version. */
  rollback(store: string, options?: RollbackOptions): Promise<SwitchResult>;
  /** Takes a store that another program switched under care. */
  adopt(store: string, options?: AdoptOptions): Promise<SwitchResult>;
  /** Copies an existing DuckDB file into an empty store as its first release; the source stays. */
  initialize(store: string, sourceFile: string, options?: OperationOptions): Promise<SwitchResult>;
  /**
   * Makes the folders of a store where they are missing, and of its fallback, and installs and loads extensions of DuckDB that its builds need; what cannot be had is told in the result. Throws
   * `USAGE` for what is no extension's name, `CONFIG_INVALID` where something else than a folder lies, `PERMISSION_DENIED`.
   */
  bootstrap(store: string, options?: BootstrapOptions): Promise<BootstrapResult>;
  /** Runs the checks on the active release. Changes nothing. */
  check(store: string, options?: CheckOptions): Promise<ChecksResult>;
  /** Where the active release's files lie, or those that hold a table. */
  path(store: string, options?: { readonly table?: string | undefined }): Promise<PathResult>;
  /** Every release of a store, newest first, then what is in quarantine. */
  releases(store: string): Promise<ReleasesResult>;
  /** The record of a kept release and what became of it. Throws `RELEASE_UNKNOWN`. */
  release(store: string, release: string): Promise<ReleaseResult>;
  /**
   * What differs between two releases, table by table: `from` (default: the one that was active before) and `to` (default: the active one), ids of kept releases or of builds in
   * quarantine. Both are pinned meanwhile. Reads tables of equal columns and row counts whole. Throws `RELEASE_UNKNOWN`.
   */
  diff(store: string, options?: DiffRequest): Promise<DiffResult>;
  /** One read-only statement on a kept release or a build in quarantine, also where nothing is active. Opens it for this statement alone: for many use `openReader`. Throws `RELEASE_UNKNOWN`. */
  queryRelease(
    store: string,
    request: QueryRequest,
    options?: { readonly warn?: WarningSink | undefined },
  ): Promise<ReaderRows<number | undefined>>;
  /** Keeps a release until it is unpinned or the pin runs out; layout `releases` only. */
  pin(store: string, release: string, options: PinOptions): Promise<ReleaseMark>;
  /** Takes an operator's pin away; `undefined` where there was none. */
  unpin(store: string, release: string, options?: OperationOptions): Promise<ReleaseMark | undefined>;
  /** Removes what the store's retention no longer keeps, as every publish does at its end. */
  prune(store: string, options?: OperationOptions): Promise<PruneResult>;
  /** What is active in each store. Opens no database and never throws for a broken store. */
  status(): Promise<StoreStatus[]>;
  /** How old the active release of each store is. Never throws for a broken store. */
  freshness(options?: { readonly store?: string | undefined; readonly maxAgeMs?: number | undefined }): Promise<StoreFreshness[]>;
  /** Who holds the stores' locks, and who reads which release. Takes no lock itself. */
  locks(): Promise<LocksResult>;
  /**
   * Looks at this machine and at each store's folder for what keeps them from working; changes nothing but a private file in `.lockkeeper/`, which is removed
   * again. Never throws for a broken store, only `INTERRUPTED`. `doctor()` does the same where there is no workspace.
   */
  doctor(options?: DoctorOptions): Promise<DoctorCheck[]>;
  /**
   * What happened in the stores, oldest first, each event once; with `follow` also what happens from then on. Leaving the loop ends it. Throws
   * `USAGE` for an `after` that is no event of the store, `INTERRUPTED` when the signal aborts or the workspace is closed.
   */
  events(options?: WorkspaceEventsOptions): AsyncIterableIterator<StoreEvent>;
  /** One store's events for who asks again and again, without following. */
  eventFeed(store: string, options?: Pick<WorkspaceEventsOptions, "onWarning">): StoreEventFeed;
  /** The check results of a build in quarantine; `undefined` where none of that id is kept. */
  quarantinedChecks(store: string, build: string): readonly CheckResult[] | undefined;
  /** How far each webhook has got; with `deliver` after sending what is due, which every publish and rollback starts in a process of its own. */
  webhooks(options?: WebhooksOptions): Promise<WebhookStatus[]>;
  /** The queries in the files that a store's `queries` names, by name; none without that key. Throws `CONFIG_INVALID` with every fault of every file in `findings`. */
  namedQueries(store: string): Promise<readonly NamedQuery[]>;
  /** The datasets that the file has for a store, by id. */
  configuredDatasets(store: string): Readonly<Record<string, DatasetConfig>>;
  /**
   * The datasets that a release was made with, as dbt's files said; none for what another program has made. `release` may be a build in quarantine. Throws
   * `RELEASE_UNKNOWN`, `RECORD_INVALID`.
   */
  recordedDatasets(store: string, release: string): readonly RecordedDataset[];
  /** Whether the file says what `publish` runs. */
  hasBuild(store: string): boolean;
  /** `[serve]` with every default in place. */
  serveSettings(): ServeSettings;
  /** The tokens of `[[tokens]]` whose hash can be used here, and a sentence for each other. They hold the hashes: never print them. */
  tokens(): ConfiguredTokens;
  /** The checks that the file has for a store. */
  configuredChecks(store: string): readonly Check[];
  /** How `openReader({ workspace, store })` opens a store. */
  readerOptions(store: string): ReaderOptions;
  /** Opens a reader on a store; `close()` of the workspace closes it too. */
  openReader(store: string, options?: OpenReaderOptions): Promise<Reader>;
  /** Aborts what is running, waits for it and closes the readers. Later calls throw `READER_CLOSED`. */
  close(): Promise<void>;
}
