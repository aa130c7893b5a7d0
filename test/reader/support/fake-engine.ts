import { createHash } from "node:crypto";
import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import type { EngineStream, QueryOptions, QueryRows } from "../../../src/model/query.ts";
import type { OpenDatabase, OpenRequest, ReaderEngine } from "../../../src/reader/engine.ts";
import type { FakePlatform } from "./fake-platform.ts";

/** A database of the fake engine: its one answer is what the file held when it was opened. */
export class FakeDatabase implements OpenDatabase {
  readonly file: { readonly device: bigint; readonly inode: bigint };
  readonly request: OpenRequest;
  readonly #content: string;
  readonly #running = new Set<(error: Error) => void>();
  inFlight = 0;
  closed = false;
  interrupts = 0;
  /** When set, `close` and interrupted queries never settle. */
  stuck = false;

  constructor(request: OpenRequest, inode: bigint, content: string) {
    this.request = request;
    this.file = { device: 1n, inode };
    this.#content = content;
  }

  /** `hang` runs until it is interrupted; `fail` is rejected; anything else answers. */
  async query(sql: string, _parameters: unknown, options: QueryOptions): Promise<QueryRows> {
    if (this.closed) throw new Error("the fake database was used after close");
    if (sql === "fail") throw new LockkeeperError("QUERY_FAILED", "no such table\nwith details");
    this.inFlight += 1;
    try {
      if (sql === "hang") await this.#hang(options.signal);
    } finally {
      this.inFlight -= 1;
    }
    const rows = [[this.#content, options.rowsMax]];
    return { columns: [{ name: "content", type: "VARCHAR" }], rows, objects: () => [{ content: this.#content }] };
  }

  /** One batch with the content; then it is read until it is closed or interrupted. With `whole` as the statement it ends there. */
  async stream(sql: string, _parameters: unknown, options: QueryOptions): Promise<EngineStream> {
    const { columns, rows } = await this.query(sql, undefined, options);
    const end = new AbortController();
    const ended = new Promise<void>((resolve) => end.signal.addEventListener("abort", () => resolve()));
    const batches = async function* (hang: () => Promise<void>): AsyncGenerator<QueryRows["rows"], undefined> {
      try {
        yield rows;
        if (sql !== "whole") await hang();
        return undefined;
      } finally {
        end.abort();
      }
    };
    const iterator = batches(() => this.#hang(end.signal));
    this.inFlight += 1;
    void ended.then(() => (this.inFlight -= 1));
    const close = (): Promise<void> => {
      end.abort();
      return ended;
    };
    return { columns, ended, [Symbol.asyncIterator]: () => iterator, close };
  }

  exportParquet(): Promise<never> {
    return Promise.reject(new LockkeeperError("FEATURE_MISSING", "the fake database writes no files"));
  }

  interrupt(): void {
    this.interrupts += 1;
    if (this.stuck) return;
    for (const reject of this.#running) reject(new LockkeeperError("INTERRUPTED", "interrupted"));
  }

  async close(): Promise<void> {
    this.interrupt();
    if (this.stuck) await new Promise(() => {});
    this.closed = true;
  }

  #hang(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((_resolve, reject) => {
      const stop = (error: Error): void => {
        this.#running.delete(stop);
        reject(error);
      };
      this.#running.add(stop);
      signal?.addEventListener("abort", () => stop(new LockkeeperError("INTERRUPTED", "aborted")));
    });
  }
}

/** An engine whose every opening a test can watch, hold up or fail. */
export class FakeEngine implements ReaderEngine {
  readonly #platform: FakePlatform;
  readonly opened: FakeDatabase[] = [];
  spares = 0;
  /** Runs before a file is opened; what it throws the opening throws. */
  beforeOpen: (request: OpenRequest) => Promise<void> | void = () => {};
  /** Runs after a file was opened, before the reader is told. */
  afterOpen: (database: FakeDatabase) => Promise<void> | void = () => {};

  constructor(platform: FakePlatform) {
    this.#platform = platform;
  }

  async open(request: OpenRequest): Promise<OpenDatabase> {
    await this.beforeOpen(request);
    const stat = this.#platform.statNow(request.path);
    if (stat === undefined) throw new LockkeeperError("FILE_MISSING", `no ${request.path}`);
    const database = new FakeDatabase(request, stat.inode, this.#platform.text(request.path) ?? "");
    this.opened.push(database);
    await this.afterOpen(database);
    return database;
  }

  assertParquetEnds(): Promise<void> {
    return Promise.resolve();
  }

  /** Files hashed so far. */
  digests = 0;

  digest(paths: readonly string[]): Promise<{ readonly bytes: number; readonly sha256: string }[]> {
    this.digests += paths.length;
    return Promise.resolve(
      paths.map((path) => {
        const text = this.#platform.text(path) ?? "";
        return { bytes: text.length, sha256: createHash("sha256").update(text).digest("hex") };
      }),
    );
  }

  /** Databases that are open. */
  get openNow(): FakeDatabase[] {
    return this.opened.filter((database) => !database.closed);
  }

  prepareSpare(): Promise<void> {
    this.spares += 1;
    return Promise.resolve();
  }

  dropSpare(): void {
    this.spares = 0;
  }
}

/** The error of a file that another process has locked. */
export function fileLocked(path: string): LockkeeperError {
  return new LockkeeperError("FILE_LOCKED", `${path} is locked`, { holder: { pid: 4711, command: "etl" } });
}
