import { setMaxListeners } from "node:events";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ExportedFile, QueryColumn, QueryParameters, QueryRows, RowStream, ValueForm } from "../model/query.ts";
import type { SqliteDatabase } from "../model/sqlite.ts";
import type { Platform } from "../platform/port.ts";
import { answer, answerInBatches } from "./answer.ts";
import { identityOf, lendRelease } from "./borrowed.ts";
import type { ReaderEngine } from "./engine.ts";
import { EventHub, type ReaderEventName, type ReaderListener } from "./events.ts";
import { Fallback } from "./fallback/fallback.ts";
import { ParquetFiles } from "./fallback/parquet-files.ts";
import { SingleFile } from "./fallback/single-file.ts";
import { Follower } from "./follower.ts";
import type { Hold } from "./generation.ts";
import { acquireNamed } from "./kept/acquire.ts";
import { KeptShelf } from "./kept/shelf.ts";
import { storeView } from "./locate.ts";
import type { OpeningContext } from "./opening.ts";
import { readerSettings, type ReaderOptions, type ReaderSettings } from "./options.ts";
import { GenerationPool, readerClosed } from "./pool.ts";
import { ManifestResolver } from "./resolver.ts";
import type { OpenSqlite } from "./sqlite.ts";
import { describeServed } from "./serving.ts";
import { firstServing } from "./start.ts";
import { sleep } from "./waiting.ts";
import { readerStatus, type ReaderStatus } from "./status.ts";

/** What a reader is operated with. */
export interface ReaderPorts {
  readonly platform: Platform;
  readonly engine: ReaderEngine;
  readonly openSqlite: OpenSqlite;
  /** Queries at a time, unless `limits.concurrency` says. */
  readonly defaultConcurrency: number;
  /** Takes the warnings that no listener takes. */
  readonly warn: (message: string) => void;
}

/** Bounds of one query on a borrowed release. */
export interface BorrowedQueryOptions {
  /** Aborting interrupts the query; it throws `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** More rows throw `LIMIT_ROWS`; at most the reader's `limits.rows`, which is the default. Streams and exports need no memory for their rows: only what is asked for here bounds them. */
  readonly rowsMax?: number | undefined;
  /** Larger results throw `LIMIT_BYTES`; at most the reader's `limits.bytes`, which is the default and says how it is counted. Streams hold no result and have no such limit. */
  readonly bytesMax?: number | undefined;
  /** `json` (default), `js` or `exact`. */
  readonly values?: ValueForm | undefined;
}

/** Bounds of one export of a borrowed release. */
export interface BorrowedExportOptions extends Omit<BorrowedQueryOptions, "values" | "bytesMax"> {
  /** A folder of the caller's own. */
  readonly folder: string;
}

/** Which release to borrow. */
export interface BorrowOptions {
  /** Ends waiting for a release with `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Wait at most `waitMs` until a version this high serves, else throw `UNAVAILABLE`. */
  readonly minVersion?: number | undefined;
  /**
   * This release, whatever is active: the id of one that is kept, or of a build in quarantine. It is opened beside the active one, pinned, at most `limits.releases` at a time, and
   * closed `keptIdleMs` after its last request. One that is not kept throws `RELEASE_UNKNOWN`; when all that may be open are in use for `waitMs`, `UNAVAILABLE`.
   */
  readonly release?: string | undefined;
}

/** Whatever is active, which always has a version: a release that the caller names may never have been active. */
export interface ActiveOptions extends BorrowOptions {
  readonly release?: undefined;
}

/** A result with the release it comes from. */
export interface ReaderRows<Version extends number | undefined = number> extends QueryRows {
  readonly columns: readonly QueryColumn[];
  readonly release: string;
  /** Of a release that was asked for by name, the last one it was active under when it was opened; `undefined` for what never was active. */
  readonly version: Version;
}

/** A result as it is made, with the release it comes from, which it holds until it has ended or is closed. */
export interface ReaderStream<Version extends number | undefined = number> extends RowStream {
  readonly release: string;
  /** As `ReaderRows` has it. */
  readonly version: Version;
}

/** Which release it is. */
export interface ReleaseIdentity<Version extends number | undefined = number> {
  /** The release id; `v<version>-<slot>` when another program published it, `fallback` for the single file, a build's id for one in quarantine. */
  readonly release: string;
  /** As `ReaderRows` has it. */
  readonly version: Version;
  /** 32 hex digits; no two releases share one. */
  readonly uid: string;
  /** What the manifest calls it; `undefined` for the fallback file and a build in quarantine. */
  readonly active: string | undefined;
  /** RFC 3339 UTC: when it became active; of a release that was asked for by name, when it was made. */
  readonly lastUpdated: string;
}

/** One release, as a request holds it. It does not change, whatever is published meanwhile. */
export interface BorrowedRelease<Version extends number | undefined = number> extends ReleaseIdentity<Version> {
  /** One read-only statement. Throws what `Reader.query` throws; `READER_CLOSED` once the borrow has ended. */
  query(sql: string, parameters?: QueryParameters, options?: BorrowedQueryOptions): Promise<ReaderRows<Version>>;
  /** As `Reader.stream`, on this release. The end of the borrow closes it. */
  stream(sql: string, parameters?: QueryParameters, options?: BorrowedQueryOptions): Promise<ReaderStream<Version>>;
  /** One read-only statement's rows as a Parquet file of a random name in `options.folder`; the caller removes it. Throws what `query` throws, `DISK_FULL`, `PERMISSION_DENIED`. */
  exportParquet(sql: string, parameters: QueryParameters | undefined, options: BorrowedExportOptions): Promise<ExportedFile>;
  /**
   * A SQLite file of the release, open read-only: by its path in the release, or its file name without the ending where no other has that. `Database` is what the caller has of
   * `better-sqlite3`'s own types. It is opened at its first use and shared by all who have borrowed the release, until the last of them returns; do not close it. Throws
   * `FILE_MISSING` for a name that the release does not have, `FEATURE_MISSING` where the package `better-sqlite3` is not installed, `DATABASE_CORRUPT`, `PERMISSION_DENIED`,
   * `INTERRUPTED` once the release was drained for too long, and `READER_CLOSED` once the borrow has ended.
   */
  sqlite<Database extends SqliteDatabase = SqliteDatabase>(name: string): Promise<Database>;
}

/** Serves a release store's active release, and moves on when another is published. */
export interface Reader {
  /**
   * One read-only statement on the active release, or on the one that `options.release` names. Throws `QUERY_REFUSED`, `QUERY_FAILED`, `BIND_FAILED`, `LIMIT_ROWS`, `LIMIT_TIME`, `LIMIT_BYTES`, `INTERRUPTED`,
   * `UNAVAILABLE`, `RELEASE_UNKNOWN`, `READER_CLOSED`.
   */
  query(sql: string, parameters?: QueryParameters, options?: ActiveOptions & BorrowedQueryOptions): Promise<ReaderRows>;
  query(
    sql: string,
    parameters: QueryParameters | undefined,
    options: BorrowOptions & BorrowedQueryOptions,
  ): Promise<ReaderRows<number | undefined>>;
  /**
   * One read-only statement whose rows are made as they are read, in batches of at most 2048: for results of any size, in little memory. It ends with all its rows or
   * throws what `query` throws, also in the middle. It holds its release and one of the connections until it has ended or is closed, or `limits.timeMs` has passed.
   */
  stream(sql: string, parameters?: QueryParameters, options?: ActiveOptions & BorrowedQueryOptions): Promise<ReaderStream>;
  stream(
    sql: string,
    parameters: QueryParameters | undefined,
    options: BorrowOptions & BorrowedQueryOptions,
  ): Promise<ReaderStream<number | undefined>>;
  /** Calls `use` with one release and keeps that release open until its promise settles. */
  borrow<T>(use: (release: BorrowedRelease) => Promise<T> | T, options?: ActiveOptions): Promise<T>;
  borrow<T>(use: (release: BorrowedRelease<number | undefined>) => Promise<T> | T, options: BorrowOptions): Promise<T>;
  /**
   * A SQLite file of the active release, as `BorrowedRelease.sqlite` has it. It stays open at least until the caller next waits for a timer or for the system: prepare and read
   * at once. For more than one step, or beside a query, borrow the release.
   */
  sqlite<Database extends SqliteDatabase = SqliteDatabase>(name: string, options?: ActiveOptions): Promise<Database>;
  /**
   * The release that a borrow would get at this moment without waiting: enough to tell a caller that what it has is still the answer. `undefined` where a borrow would wait or be
   * refused, and in fallback mode, whose file another program may write. Throws `READER_CLOSED`.
   */
  serving(options?: Pick<BorrowOptions, "minVersion">): ReleaseIdentity | undefined;
  /**
   * When what is served was written, RFC 3339 UTC: the manifest's `lastUpdated`; in fallback mode when the newest Parquet file was, else the single file; null where there is nothing.
   * Opens nothing. Throws `CONFIG_INVALID`, `PERMISSION_DENIED` for a fallback that cannot be looked at, `READER_CLOSED`.
   */
  lastRefresh(): Promise<string | null>;
  /** Whether a request gets an answer: asks for one row of nothing, waits for it as a request does, and never throws. */
  checkConnection(): Promise<boolean>;
  /** Returns what stops it. */
  on<Name extends ReaderEventName>(name: Name, listener: ReaderListener<Name>): () => void;
  status(): ReaderStatus;
  /** Waits for requests at most `drainTimeoutMs`, then interrupts them. May be called twice; later requests throw `READER_CLOSED`. */
  close(): Promise<void>;
}

/**
 * Opens a reader on a release store. Throws `USAGE` or `CONFIG_INVALID` for the options, `FILE_SYSTEM_UNSUPPORTED` on a network file system, and
 * what `firstServing` throws.
 */
export async function openReader(options: ReaderOptions, ports: ReaderPorts): Promise<Reader> {
  const settings = readerSettings(options, ports.defaultConcurrency);
  await assertLocal(ports.platform, settings);
  const { platform, engine, openSqlite } = ports;
  const store = storeView(platform, settings.dir, settings.basename);
  const events = new EventHub(ports.warn);
  const pool = new GenerationPool({
    clock: platform.clock,
    drainTimeoutMs: settings.drainTimeoutMs,
    warn: events.warn,
    openSqlite,
  });
  const resolver = new ManifestResolver(platform, store.paths.manifest);
  const closing = new AbortController();
  // Each wait of a request listens to it; Node would call more than ten a leak.
  setMaxListeners(0, closing.signal);
  const context: OpeningContext = { store, resolver, engine, settings, pool, closing: closing.signal, warn: events.warn };
  const fallback = fallbackOf(context);
  const serving = await firstServing(context, fallback);
  const follower = new Follower({ context, fallback, events, serving });
  return new StoreReader({ context, closing, events, follower, fallback, shelf: new KeptShelf(context) });
}

/** Parquet files go before the single file. */
function fallbackOf(context: OpeningContext): Fallback | undefined {
  const { settings, engine, store } = context;
  const sources = [
    ...(settings.fallbackParquet ? [new ParquetFiles(store.platform, engine, settings.fallbackParquet)] : []),
    ...(settings.fallback === undefined ? [] : [new SingleFile(store.platform, settings.fallback, settings.basename)]),
  ];
  return sources.length === 0 ? undefined : new Fallback(context, sources);
}

/** Throws `FILE_SYSTEM_UNSUPPORTED` for a store on a network file system, unless the settings allow it. */
export async function assertLocal(platform: Platform, settings: ReaderSettings): Promise<void> {
  if (settings.allowNetworkFs || (await platform.files.stat(settings.dir)) === undefined) return;
  const { name, network } = await platform.disk.kind(settings.dir);
  if (!network) return;
  throw new LockkeeperError(
    "FILE_SYSTEM_UNSUPPORTED",
    `${settings.dir} lies on a network file system (${name}), where pins cannot be trusted`,
    {
      hint: "Copy the store to a local disk, or pass `allowNetworkFs: true` and keep releases long enough.",
      subject: settings.dir,
    },
  );
}

interface ReaderParts {
  readonly context: OpeningContext;
  readonly closing: AbortController;
  readonly events: EventHub;
  readonly follower: Follower;
  readonly fallback: Fallback | undefined;
  readonly shelf: KeptShelf;
}

class StoreReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #stopPolling: () => void;
  #closed: Promise<void> | undefined;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    const { context, follower } = parts;
    follower.prepareSpare();
    this.#stopPolling = context.store.platform.clock.every(context.settings.pollMs, () => {
      if (context.resolver.look() !== follower.serving.sighting) follower.kick();
    });
  }

  query(sql: string, parameters?: QueryParameters, options?: ActiveOptions & BorrowedQueryOptions): Promise<ReaderRows>;
  query(
    sql: string,
    parameters: QueryParameters | undefined,
    options: BorrowOptions & BorrowedQueryOptions,
  ): Promise<ReaderRows<number | undefined>>;
  async query(
    sql: string,
    parameters?: QueryParameters,
    options: BorrowOptions & BorrowedQueryOptions = {},
  ): Promise<ReaderRows<number | undefined>> {
    const hold = await this.#acquire(options);
    try {
      return await answer(hold.generation, this.#parts.context.settings, { sql, parameters, options });
    } finally {
      hold.end();
    }
  }

  stream(sql: string, parameters?: QueryParameters, options?: ActiveOptions & BorrowedQueryOptions): Promise<ReaderStream>;
  stream(
    sql: string,
    parameters: QueryParameters | undefined,
    options: BorrowOptions & BorrowedQueryOptions,
  ): Promise<ReaderStream<number | undefined>>;
  async stream(
    sql: string,
    parameters?: QueryParameters,
    options: BorrowOptions & BorrowedQueryOptions = {},
  ): Promise<ReaderStream<number | undefined>> {
    const hold = await this.#acquire(options);
    try {
      const { stream } = await answerInBatches(hold.generation, this.#parts.context.settings, { sql, parameters, options });
      return stream;
    } finally {
      // From here on the stream holds it.
      hold.end();
    }
  }

  borrow<T>(use: (release: BorrowedRelease) => Promise<T> | T, options?: ActiveOptions): Promise<T>;
  borrow<T>(use: (release: BorrowedRelease<number | undefined>) => Promise<T> | T, options: BorrowOptions): Promise<T>;
  async borrow<T>(use: (release: BorrowedRelease) => Promise<T> | T, options: BorrowOptions = {}): Promise<T> {
    const hold = await this.#acquire(options);
    const lent = lendRelease(hold.generation, this.#parts.context.settings);
    try {
      // Without a version only where `options` named a release, whose `use` takes that.
      return await use(lent.release as BorrowedRelease);
    } finally {
      await lent.end();
      hold.end();
    }
  }

  async sqlite<Database extends SqliteDatabase>(name: string, options: ActiveOptions = {}): Promise<Database> {
    const hold = await this.#acquire(options);
    try {
      // The caller knows the package's own types.
      return (await hold.generation.sqlite(name)) as Database;
    } finally {
      // The caller's turn comes first: a release that has been replaced would be closed under it.
      void sleep(this.#parts.context.store.platform.clock, 0, { idle: true }).then(() => hold.end());
    }
  }

  serving({ minVersion }: Pick<BorrowOptions, "minVersion"> = {}): ReleaseIdentity | undefined {
    if (this.#closed !== undefined) throw readerClosed();
    const target = this.#parts.follower.servingNow(minVersion);
    // What is active always has a version.
    return target === undefined ? undefined : (identityOf(target) as ReleaseIdentity);
  }

  async lastRefresh(): Promise<string | null> {
    if (this.#closed !== undefined) throw readerClosed();
    const { serving } = this.#parts.follower;
    const time = serving.kind === "manifest" ? describeServed(serving).lastUpdated : await serving.fallback.lastModified();
    return time ?? null;
  }

  async checkConnection(): Promise<boolean> {
    try {
      await this.query("SELECT 1");
      return true;
    } catch {
      return false;
    }
  }

  on<Name extends ReaderEventName>(name: Name, listener: ReaderListener<Name>): () => void {
    return this.#parts.events.on(name, listener);
  }

  status(): ReaderStatus {
    const { follower, context } = this.#parts;
    return readerStatus(follower, context.pool, context.resolver.look());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { closing, follower, fallback, shelf, context } = this.#parts;
    closing.abort();
    this.#stopPolling();
    fallback?.release();
    await Promise.all([context.pool.close(), follower.settled(), shelf.settled()]);
    // What was under way when closing began may have opened one more.
    await context.pool.close();
    context.engine.dropSpare();
  }

  async #acquire(options: BorrowOptions): Promise<Hold> {
    if (this.#closed !== undefined) throw readerClosed();
    const { follower, shelf, context } = this.#parts;
    if (options.release === undefined) return follower.acquire(options);
    return acquireNamed({ follower, shelf, resolver: context.resolver }, options.release, options);
  }
}
