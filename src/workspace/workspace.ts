import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { BootstrapResult } from "../model/bootstrap.ts";
import type { Check, CheckResult } from "../model/check.ts";
import type { ReleaseStoreConfig } from "../model/config.ts";
import type { DatasetConfig, RecordedDataset } from "../model/dataset.ts";
import type { DoctorCheck } from "../model/doctor/check.ts";
import type { StoreEvent } from "../model/events.ts";
import type { NamedQuery } from "../model/named-query.ts";
import { serveSettings, type ServeSettings } from "../model/serve-config.ts";
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
import { diffReleases, type DiffRequest } from "../reader/kept/diff.ts";
import { queryRelease, type QueryRequest } from "../reader/kept/visit.ts";
import type { Reader, ReaderRows } from "../reader/reader.ts";
import type { ReaderOptions } from "../reader/options.ts";
import { adopt, type AdoptOptions } from "../release/adopt.ts";
import { checkRelease, type CheckOptions } from "../release/check.ts";
import { quarantinedChecks } from "../release/build/quarantine.ts";
import { releaseDatasets } from "../release/datasets.ts";
import { abortBuild, type AbortOptions } from "../release/detached/abort.ts";
import { beginBuild, type BeginOptions } from "../release/detached/begin.ts";
import { commitBuild, type CommitOptions } from "../release/detached/commit.ts";
import { listBuilds } from "../release/detached/list.ts";
import { renewBuild, type RenewOptions } from "../release/detached/renew.ts";
import { storeEventFeed, type StoreEventFeed } from "../release/events.ts";
import { storeFreshness } from "../release/freshness.ts";
import { initialize } from "../release/initialize.ts";
import { listReleases, showRelease } from "../release/list.ts";
import { storeLocks } from "../release/locks.ts";
import { pinRelease, unpinRelease, type PinOptions } from "../release/marks.ts";
import { openReleaseStore } from "../release/open.ts";
import { releasePath } from "../release/path.ts";
import { pruneReleases } from "../release/prune.ts";
import { publish } from "../release/publish.ts";
import { rollback, type RollbackOptions } from "../release/rollback.ts";
import { storeStatus } from "../release/status.ts";
import type { OperationOptions, ReleaseStore } from "../release/store.ts";
import type { Build, OpenReaderOptions, WebhooksOptions, Workspace, WorkspacePublishOptions } from "./api.ts";
import { bootstrap, type BootstrapOptions } from "./bootstrap.ts";
import { assertBase, buildSource } from "./build-source.ts";
import { loadConfig, type ConfigLocation, type LoadedConfig } from "./config-file.ts";
import { storeOfBuild } from "./detached.ts";
import { workspaceDoctor, type DoctorOptions } from "./doctor/doctor.ts";
import { workspaceEvents, type WorkspaceEventsOptions } from "./events.ts";
import { namedQueries } from "./query-files.ts";
import { settingsOf } from "./settings.ts";
import { readerOptions, releaseStoreOptions, withinLimits, type NamedStore } from "./store-options.ts";
import { configuredTokens, type ConfiguredTokens } from "./tokens.ts";
import { announcing, webhookStatus } from "./webhooks.ts";
import { emitWarning, readerFor, readerTools, releaseTools, type WarningSink } from "./wiring.ts";

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
    return this.#change(store, options, async (opened, operation) => {
      assertBase(options.base);
      return publish(opened, buildSource(this.#loaded, this.#named(store), build), operation);
    });
  }

  beginBuild(store: string, options: BeginOptions = {}): Promise<BuildResult> {
    return this.#change(store, options, beginBuild);
  }

  commitBuild(build: string, options: CommitOptions = {}): Promise<PublishResult> {
    return this.#changeBuild(build, options, commitBuild);
  }

  renewBuild(build: string, options: RenewOptions = {}): Promise<BuildResult> {
    return this.#run(options, async (operation) => renewBuild(await this.#storeOf(build), build, operation));
  }

  abortBuild(build: string, options: AbortOptions = {}): Promise<BuildSummary> {
    return this.#changeBuild(build, options, abortBuild);
  }

  builds(store?: string): Promise<BuildsResult> {
    return this.#run({}, () => listBuilds(this.#openThose(store)));
  }

  rollback(store: string, options: RollbackOptions = {}): Promise<SwitchResult> {
    return this.#change(store, options, rollback);
  }

  adopt(store: string, options: AdoptOptions = {}): Promise<SwitchResult> {
    return this.#change(store, options, adopt);
  }

  initialize(store: string, sourceFile: string, options: OperationOptions = {}): Promise<SwitchResult> {
    return this.#change(store, options, (opened, operation) => initialize(opened, sourceFile, operation));
  }

  bootstrap(store: string, options: BootstrapOptions = {}): Promise<BootstrapResult> {
    const named = { name: store, settings: this.#settings(store) };
    return this.#run(options, ({ signal }) =>
      bootstrap({ loaded: this.#loaded, named, store: this.#open(store) }, { ...options, signal }),
    );
  }

  check(store: string, options: CheckOptions = {}): Promise<ChecksResult> {
    return this.#run(options, (operation) => checkRelease(this.#open(store), operation));
  }

  path(store: string, options: { readonly table?: string | undefined } = {}): Promise<PathResult> {
    return this.#run({}, () => releasePath(this.#open(store), options.table));
  }

  releases(store: string): Promise<ReleasesResult> {
    return this.#run({}, () => listReleases(this.#open(store)));
  }

  release(store: string, release: string): Promise<ReleaseResult> {
    return this.#run({}, () => showRelease(this.#open(store), release));
  }

  diff(store: string, options: DiffRequest = {}): Promise<DiffResult> {
    return this.#run(options, async (request) => ({
      store,
      ...(await diffReleases(this.readerOptions(store), readerTools(), request)),
    }));
  }

  queryRelease(
    store: string,
    request: QueryRequest,
    { warn }: { readonly warn?: WarningSink | undefined } = {},
  ): Promise<ReaderRows<number | undefined>> {
    return this.#run(request.options ?? {}, (options) =>
      queryRelease(this.readerOptions(store), readerTools(warn), { ...request, options }),
    );
  }

  pin(store: string, release: string, options: PinOptions): Promise<ReleaseMark> {
    return this.#run(options, (operation) => pinRelease(this.#open(store), release, operation));
  }

  unpin(store: string, release: string, options: OperationOptions = {}): Promise<ReleaseMark | undefined> {
    return this.#run(options, (operation) => unpinRelease(this.#open(store), release, operation));
  }

  prune(store: string, options: OperationOptions = {}): Promise<PruneResult> {
    return this.#run(options, (operation) => pruneReleases(this.#open(store), operation));
  }

  status(): Promise<StoreStatus[]> {
    return this.#run({}, () => Promise.all(this.stores.map((store) => storeStatus(this.#open(store)))));
  }

  freshness(
    options: { readonly store?: string | undefined; readonly maxAgeMs?: number | undefined } = {},
  ): Promise<StoreFreshness[]> {
    return this.#run({}, () => Promise.all(this.#openThose(options.store).map((store) => storeFreshness(store, options))));
  }

  locks(): Promise<LocksResult> {
    return this.#run({}, () => storeLocks(this.#openThose(undefined)));
  }

  doctor(options: DoctorOptions = {}): Promise<DoctorCheck[]> {
    return this.#run(options, (operation) => workspaceDoctor(this.#loaded, operation));
  }

  async *events(options: WorkspaceEventsOptions = {}): AsyncGenerator<StoreEvent, void, undefined> {
    this.#assertOpen();
    // Nothing is held between two events, so that `close()` has nothing to wait for.
    yield* workspaceEvents(this.#openThose(options.store), { ...options, signal: this.#signalOf(options) });
  }

  eventFeed(store: string, { onWarning = emitWarning }: Pick<WorkspaceEventsOptions, "onWarning"> = {}): StoreEventFeed {
    this.#assertOpen();
    return storeEventFeed(this.#open(store), { onWarning });
  }

  quarantinedChecks(store: string, build: string): readonly CheckResult[] | undefined {
    return quarantinedChecks(this.#open(store), build);
  }

  webhooks(options: WebhooksOptions = {}): Promise<WebhookStatus[]> {
    return this.#run(options, (operation) => {
      const stores = this.#openThose(options.store).map((store) => ({ store, settings: this.#settings(store.name) }));
      return webhookStatus(stores, operation);
    });
  }

  namedQueries(store: string): Promise<readonly NamedQuery[]> {
    return this.#run({}, () => namedQueries(this.#loaded, this.#named(store)));
  }

  configuredDatasets(store: string): Readonly<Record<string, DatasetConfig>> {
    return this.#settings(store).datasets ?? {};
  }

  recordedDatasets(store: string, release: string): readonly RecordedDataset[] {
    return releaseDatasets(this.#open(store), release);
  }

  hasBuild(store: string): boolean {
    const { command, sql } = this.#settings(store).build ?? {};
    return command !== undefined || sql !== undefined;
  }

  serveSettings(): ServeSettings {
    return serveSettings(this.#loaded.config);
  }

  tokens(): ConfiguredTokens {
    return configuredTokens(this.#loaded.config);
  }

  configuredChecks(store: string): readonly Check[] {
    return this.#settings(store).checks ?? [];
  }

  readerOptions(store: string): ReaderOptions {
    return readerOptions(this.#loaded, this.#named(store));
  }

  openReader(store: string, options: OpenReaderOptions = {}): Promise<Reader> {
    return this.#run({}, async () => {
      const reader = await readerFor(
        { ...withinLimits(this.readerOptions(store), options.limits), prime: options.prime },
        options.warn,
      );
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
    this.#assertOpen();
    const running = action({ ...options, signal: this.#signalOf(options) });
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Runs one operation that may add to a store's events, and has them announced. */
  #change<Options extends OperationOptions, Result>(
    store: string,
    options: Options,
    action: (store: ReleaseStore, options: Options) => Promise<Result>,
  ): Promise<Result> {
    return this.#run(options, (operation) => this.#announcing(this.#open(store), operation, action));
  }

  /** The same for the store that has a detached build. */
  #changeBuild<Options extends OperationOptions, Result>(
    build: string,
    options: Options,
    action: (store: ReleaseStore, build: string, options: Options) => Promise<Result>,
  ): Promise<Result> {
    return this.#run(options, async (operation) =>
      this.#announcing(await this.#storeOf(build), operation, (store) => action(store, build, operation)),
    );
  }

  #announcing<Options extends OperationOptions, Result>(
    store: ReleaseStore,
    options: Options,
    action: (store: ReleaseStore, options: Options) => Promise<Result>,
  ): Promise<Result> {
    const opened = { store, settings: this.#settings(store.name) };
    return announcing(this.#loaded, opened, { options, action: () => action(store, options) });
  }

  #assertOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new LockkeeperError("READER_CLOSED", "the workspace is closed", { hint: "Open another with openWorkspace()." });
  }

  /** Aborts with the caller's signal, or when the workspace is closed. */
  #signalOf({ signal }: Pick<OperationOptions, "signal">): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #openThose(store: string | undefined): ReleaseStore[] {
    return (store === undefined ? this.stores : [store]).map((name) => this.#open(name));
  }

  #storeOf(build: string): Promise<ReleaseStore> {
    return storeOfBuild(this.#openThose(undefined), build);
  }

  #settings(store: string): ReleaseStoreConfig {
    return settingsOf(this.#loaded, store);
  }

  #named(store: string): NamedStore {
    return { name: store, settings: this.#settings(store) };
  }

  #open(store: string): ReleaseStore {
    return openReleaseStore(releaseStoreOptions(this.#loaded, this.#named(store)), releaseTools());
  }
}
