import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { QueryColumn, QueryOptions, QueryParameters, QueryRows, ValueForm } from "../model/query.ts";
import type { Platform } from "../platform/port.ts";
import type { ReaderEngine } from "./engine.ts";
import { EventHub, type ReaderEventName, type ReaderListener } from "./events.ts";
import { Fallback } from "./fallback.ts";
import { Follower } from "./follower.ts";
import type { Generation, Hold } from "./generation.ts";
import { storeView } from "./locate.ts";
import type { OpeningContext } from "./opening.ts";
import { readerSettings, type ReaderOptions, type ReaderSettings } from "./options.ts";
import { GenerationPool, readerClosed } from "./pool.ts";
import { ManifestResolver } from "./resolver.ts";
import { firstServing } from "./start.ts";
import { readerStatus, type ReaderStatus } from "./status.ts";
import { throwIfAborted } from "./waiting.ts";

/** What a reader is operated with. */
export interface ReaderPorts {
  readonly platform: Platform;
  readonly engine: ReaderEngine;
  /** Queries at a time, unless `limits.concurrency` says. */
  readonly defaultConcurrency: number;
  /** Takes the warnings that no listener takes. */
  readonly warn: (message: string) => void;
}

/** Bounds of one query on a borrowed release. */
export interface BorrowedQueryOptions {
  /** Aborting interrupts the query; it throws `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** More rows throw `LIMIT_ROWS`; at most the reader's `limits.rows`, which is the default. */
  readonly rowsMax?: number | undefined;
  /** `json` (default) or `js`. */
  readonly values?: ValueForm | undefined;
}

/** Which release to borrow. */
export interface BorrowOptions {
  /** Ends waiting for a release with `INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Wait at most `waitMs` until a version this high serves, else throw `UNAVAILABLE`. */
  readonly minVersion?: number | undefined;
  /** Only this release will do; another one throws `RELEASE_UNKNOWN`. */
  readonly release?: string | undefined;
}

/** A result with the release it comes from. */
export interface ReaderRows extends QueryRows {
  readonly columns: readonly QueryColumn[];
  readonly release: string;
  readonly version: number;
}

/** One release, as a request holds it. It does not change, whatever is published meanwhile. */
export interface BorrowedRelease {
  /** The release id; `v<version>-<slot>` when another program published it, `fallback` for the single file. */
  readonly release: string;
  readonly version: number;
  /** 32 hex digits; no two releases share one. */
  readonly uid: string;
  /** The manifest's `active`; `undefined` for the fallback file. */
  readonly active: string | undefined;
  /** RFC 3339 UTC. */
  readonly lastUpdated: string;
  /** One read-only statement. Throws what `Reader.query` throws; `READER_CLOSED` once the borrow has ended. */
  query(sql: string, parameters?: QueryParameters, options?: BorrowedQueryOptions): Promise<ReaderRows>;
}

/** Serves a release store's active release, and moves on when another is published. */
export interface Reader {
  /**
   * One read-only statement on the active release. Throws `QUERY_REFUSED`, `QUERY_FAILED`, `BIND_FAILED`, `LIMIT_ROWS`, `LIMIT_TIME`, `INTERRUPTED`,
   * `UNAVAILABLE`, `RELEASE_UNKNOWN`, `READER_CLOSED`.
   */
  query(sql: string, parameters?: QueryParameters, options?: BorrowOptions & BorrowedQueryOptions): Promise<ReaderRows>;
  /** Calls `use` with one release and keeps that release open until its promise settles. */
  borrow<T>(use: (release: BorrowedRelease) => Promise<T> | T, options?: BorrowOptions): Promise<T>;
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
  const { platform, engine } = ports;
  const store = storeView(platform, settings.dir, settings.basename);
  const events = new EventHub(ports.warn);
  const pool = new GenerationPool({ clock: platform.clock, drainTimeoutMs: settings.drainTimeoutMs, warn: events.warn });
  const resolver = new ManifestResolver(platform, store.paths.manifest);
  const closing = new AbortController();
  const context: OpeningContext = { store, resolver, engine, settings, pool, closing: closing.signal, warn: events.warn };
  const fallback = settings.fallback === undefined ? undefined : new Fallback(context, settings.fallback);
  const serving = await firstServing(context, fallback);
  const follower = new Follower({ context, fallback, events, serving });
  return new StoreReader({ context, closing, events, follower, fallback });
}

async function assertLocal(platform: Platform, settings: ReaderSettings): Promise<void> {
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

  async query(
    sql: string,
    parameters?: QueryParameters,
    options: BorrowOptions & BorrowedQueryOptions = {},
  ): Promise<ReaderRows> {
    const hold = await this.#acquire(options);
    try {
      return await this.#run(hold.generation, { sql, parameters, options });
    } finally {
      hold.end();
    }
  }

  async borrow<T>(use: (release: BorrowedRelease) => Promise<T> | T, options: BorrowOptions = {}): Promise<T> {
    const hold = await this.#acquire(options);
    let over = false;
    const { release, version, uid, active, lastUpdated } = hold.generation.target;
    const query: BorrowedRelease["query"] = async (sql, parameters, queryOptions = {}) => {
      if (over) {
        throw new LockkeeperError("READER_CLOSED", `release ${release} was used after its borrow had ended`, {
          hint: "Await every query inside the function given to borrow().",
          subject: release,
        });
      }
      return this.#run(hold.generation, { sql, parameters, options: queryOptions });
    };
    try {
      return await use(Object.freeze({ release, version, uid, active, lastUpdated, query }));
    } finally {
      over = true;
      hold.end();
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
    const { closing, follower, fallback, context } = this.#parts;
    closing.abort();
    this.#stopPolling();
    fallback?.release();
    await Promise.all([context.pool.close(), follower.settled()]);
    // A run that was under way when closing began may have opened one more.
    await context.pool.close();
    context.engine.dropSpare();
  }

  async #acquire(options: BorrowOptions): Promise<Hold> {
    if (this.#closed !== undefined) throw readerClosed();
    throwIfAborted(options.signal);
    const hold = await this.#parts.follower.acquire(options);
    const { release } = hold.generation.target;
    if (options.release === undefined || options.release === release) return hold;
    hold.end();
    throw new LockkeeperError("RELEASE_UNKNOWN", `release ${options.release} is not open here; the active one is ${release}`, {
      hint: "Start again from the active release.",
      subject: options.release,
    });
  }

  async #run(
    generation: Generation,
    statement: { readonly sql: string; readonly parameters: QueryParameters | undefined; readonly options: BorrowedQueryOptions },
  ): Promise<ReaderRows> {
    const { rowsMax, timeMaxMs } = this.#parts.context.settings;
    const { signal, values, rowsMax: wanted } = statement.options;
    const options: QueryOptions = { signal, values, timeMaxMs, rowsMax: Math.min(wanted ?? rowsMax, rowsMax) };
    const rows = await generation.query(statement.sql, statement.parameters, options);
    const { release, version } = generation.target;
    return { columns: rows.columns, rows: rows.rows, objects: () => rows.objects(), release, version };
  }
}
