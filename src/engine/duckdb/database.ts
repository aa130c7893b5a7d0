import { join, resolve } from "node:path";
import type { DuckDBInstance } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { EngineStream, ExportedFile, ExportOptions, QueryOptions, QueryParameters, QueryRows } from "../../model/query.ts";
import type { Platform } from "../../platform/port.ts";
import type { Driver } from "./driver.ts";
import { engineError } from "./errors.ts";
import { Lru } from "./lru.ts";
import type { Lease } from "./registry.ts";
import { Session, type SessionContext } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { quoteLiteral } from "./sql-text.ts";

/** Statements of which a database remembers the facts. */
const factsMax = 256;

/** What a database is made of. */
export interface DatabaseParts {
  readonly platform: Platform;
  readonly driver: Driver;
  readonly path: string;
  /** Where the connections of an instance look for names, as `SET search_path` has it. */
  readonly searchPath: (instance: DuckDBInstance) => Promise<string>;
  readonly concurrency: number;
  /** Opens the file, or shares the instance that is open on it. */
  readonly lease: () => Promise<Lease<DuckDBInstance>>;
}

/** A file open for reading, and its sessions. */
export class Database {
  readonly #parts: DatabaseParts;
  readonly #context: SessionContext;
  readonly file: { readonly device: bigint; readonly inode: bigint };
  #lease: Lease<DuckDBInstance>;
  #sessions: Sessions;
  #inFlight = 0;
  #closing: Promise<void> | undefined;
  #renewal: Promise<void> | undefined;

  readonly #searchPath: string;

  private constructor(parts: DatabaseParts, lease: Lease<DuckDBInstance>, searchPath: string) {
    this.#parts = parts;
    this.#searchPath = searchPath;
    this.#context = { driver: parts.driver, clock: parts.platform.clock, facts: new Lru(factsMax) };
    this.#lease = lease;
    this.file = lease.file;
    this.#sessions = this.#sessionsOn(lease);
  }

  /** Opens what `parts` describe. */
  static async open(parts: DatabaseParts): Promise<Database> {
    const lease = await parts.lease();
    try {
      return new Database(parts, lease, await parts.searchPath(lease.instance));
    } catch (error) {
      lease.release();
      throw engineError(error, { path: parts.path, opening: true });
    }
  }

  /** Queries running or waiting now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Runs one read-only statement to its end. See `OpenDatabase.query` of the reader's port for what it throws. */
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows> {
    return this.#use(options, (session) => session.run({ sql, parameters, options }));
  }

  /** Begins a stream, which has a session of its own until it ends. See `OpenDatabase.stream` of the reader's port for what it throws. */
  stream(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<EngineStream> {
    return new Promise((begun, reject) => {
      const lend = async (session: Session): Promise<void> => {
        const stream = await session.stream({ sql, parameters, options });
        begun(stream);
        await stream.ended;
      };
      this.#use(options, lend).catch(reject);
    });
  }

  /** Writes a result to a new file of a folder. See `OpenDatabase.exportParquet` of the reader's port. */
  async exportParquet(
    sql: string,
    parameters: QueryParameters | undefined,
    { folder, ...options }: ExportOptions,
  ): Promise<ExportedFile> {
    const { platform } = this.#parts;
    const { files } = platform;
    const path = join(resolve(folder), `${platform.random(16)}.parquet`);
    try {
      const rows = await this.#use(options, (session) => session.exportParquet({ sql, parameters, options }, path));
      return { path, rows, bytes: files.statNow(path)?.bytes ?? 0 };
    } catch (error) {
      // Where even that fails, what happened first is what counts.
      if (files.statNow(path)) await files.removeFile(path).catch(() => undefined);
      throw error;
    }
  }

  /** Interrupts what runs and turns away what waits; those queries throw `INTERRUPTED`. */
  interrupt(): void {
    this.#sessions.interrupt("interrupt");
  }

  /** Interrupts, waits until no call is in flight, and lets go of the file. Safe to call twice. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#renewal?.catch(() => undefined);
    await this.#sessions.close();
    this.#lease.release();
  }

  async #use<T>(options: QueryOptions, action: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closing) {
      throw new LockkeeperError("READER_CLOSED", `${this.#parts.path} was closed`, {
        subject: this.#parts.path,
      });
    }
    assertLimits(options);
    this.#inFlight += 1;
    try {
      if (this.#renewal) await this.#renewal;
      return await this.#sessions.use(options.signal ?? undefined, async (session) => {
        try {
          return await action(session);
        } finally {
          if (session.fatal) this.#renew(this.#lease);
        }
      });
    } finally {
      this.#inFlight -= 1;
    }
  }

  /**
   * An internal error makes the engine refuse every later query of the instance (FACTS 1.12), so that one odd query would end the service. A new
   * instance on the same inode takes over; where the path holds another file by now, the old one stays and goes on refusing.
   */
  #renew(broken: Lease<DuckDBInstance>): void {
    if (this.#renewal || this.#closing) return;
    broken.retire();
    this.#renewal = this.#replace(broken)
      .catch(() => undefined)
      .finally(() => (this.#renewal = undefined));
  }

  async #replace(broken: Lease<DuckDBInstance>): Promise<void> {
    const fresh = await this.#parts.lease();
    if (fresh.file.device !== this.file.device || fresh.file.inode !== this.file.inode) return fresh.release();
    const old = this.#sessions;
    this.#lease = fresh;
    this.#sessions = this.#sessionsOn(fresh);
    // Its queries fail by themselves; the instance closes with the inode's last user.
    await old.close();
    broken.release();
  }

  #sessionsOn({ instance }: Lease<DuckDBInstance>): Sessions {
    const use = `SET search_path = ${quoteLiteral(this.#searchPath)}`;
    const open = async () => {
      try {
        const connection = await instance.connect();
        // A search path holds for one connection only.
        await connection.run(use);
        return new Session(connection, this.#context);
      } catch (error) {
        throw engineError(error, { path: this.#parts.path });
      }
    };
    return new Sessions(open, this.#parts.concurrency);
  }
}

function assertLimits({ rowsMax, bytesMax, timeMaxMs }: QueryOptions): void {
  for (const [name, max, unit] of [
    ["rowsMax", rowsMax, "rows"],
    ["bytesMax", bytesMax, "bytes"],
  ] as const) {
    if (max === undefined || max === Infinity || (Number.isSafeInteger(max) && max >= 0)) continue;
    throw new LockkeeperError("USAGE", `${name} is ${max}; it must be a whole number of ${unit}, 0 or more`);
  }
  if (timeMaxMs !== undefined && !(timeMaxMs > 0)) {
    throw new LockkeeperError("USAGE", `timeMaxMs is ${timeMaxMs}; it must be more than 0 milliseconds`);
  }
}
