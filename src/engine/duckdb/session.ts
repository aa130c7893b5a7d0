import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBPreparedStatement } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { QueryOptions, QueryParameters, QueryRows } from "../../model/query.ts";
import type { Clock } from "../../platform/port.ts";
import { bindParameters } from "./bind.ts";
import type { Driver } from "./driver.ts";
import { engineError, isFatal } from "./errors.ts";
import { Lru } from "./lru.ts";
import { readResult } from "./result.ts";
import { examine, type StatementFacts } from "./statement.ts";

/** Prepared statements that one connection keeps. */
const preparedMax = 32;
/** An interrupt that arrives before the engine has begun is lost, so it is repeated until the query settles. Milliseconds. */
const interruptEveryMs = 10;

/** One query. */
export interface QueryCall {
  readonly sql: string;
  readonly parameters: QueryParameters | undefined;
  readonly options: QueryOptions;
}

/** What all sessions of a database share. */
export interface SessionContext {
  readonly driver: Driver;
  readonly clock: Clock;
  /** By SQL text: a second connection need not examine a statement again. */
  readonly facts: Lru<StatementFacts>;
}

/** Why a running query was stopped. */
export type StopReason = "abort" | "time" | "interrupt";

interface Prepared {
  readonly facts: StatementFacts;
  plain: DuckDBPreparedStatement | undefined;
  wrapped: { readonly rowsMax: number; readonly statement: DuckDBPreparedStatement } | undefined;
}

/** One connection: runs one query at a time, and keeps its prepared statements, so that a repeated query is one round trip. */
export class Session {
  /** Interrupted or failed inside: not to be used again. */
  broken = false;
  /** The engine declared the whole instance unusable. */
  fatal = false;
  readonly #connection: DuckDBConnection;
  readonly #context: SessionContext;
  readonly #prepared = new Lru<Prepared>(preparedMax, forget);
  #running = false;
  #stopped: StopReason | undefined;
  #stopRepeating: (() => void) | undefined;

  constructor(connection: DuckDBConnection, context: SessionContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** Runs a query to its end; when it returns or throws, no call into the engine is in flight (FACTS 1.6). */
  async run({ sql, parameters, options }: QueryCall): Promise<QueryRows> {
    const { signal, timeMaxMs, rowsMax } = options;
    const onAbort = () => this.interrupt("abort");
    this.#running = true;
    signal?.addEventListener("abort", onAbort, { once: true });
    const stopTimer = timeMaxMs === undefined ? undefined : this.#context.clock.every(timeMaxMs, () => this.interrupt("time"));
    try {
      const prepared = await this.#prepare(sql);
      return await this.#execute(prepared, {
        parameters,
        rowsMax: rowsMax === Infinity ? undefined : rowsMax,
        values: options.values ?? "json",
      });
    } catch (error) {
      if (this.#stopped) throw stoppedError(this.#stopped, timeMaxMs);
      if (isFatal(error)) this.broken = this.fatal = true;
      throw engineError(error);
    } finally {
      this.#running = false;
      if (this.#stopped) this.broken = true;
      signal?.removeEventListener("abort", onAbort);
      stopTimer?.();
      this.#stopRepeating?.();
    }
  }

  /** Stops what runs now; its `run` throws once the engine has let go. */
  interrupt(reason: StopReason): void {
    if (!this.#running || this.#stopped) return;
    this.#stopped = reason;
    this.#connection.interrupt();
    this.#stopRepeating = this.#context.clock.every(interruptEveryMs, () => this.#connection.interrupt());
  }

  /** Must not be called while a query runs: closing then blocks a thread for ever (FACTS 1.6). */
  close(): void {
    if (this.#running) throw new LockkeeperError("BUG", "a connection was closed while its query ran");
    this.#connection.closeSync();
  }

  async #prepare(sql: string): Promise<Prepared> {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const facts = this.#context.facts.get(sql);
    const prepared: Prepared = facts ? { facts, plain: undefined, wrapped: undefined } : await this.#examine(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  async #examine(sql: string): Promise<Prepared> {
    const { facts, statement } = await examine(this.#context.driver, this.#connection, sql);
    this.#context.facts.set(sql, facts);
    return { facts, plain: statement, wrapped: undefined };
  }

  async #execute(
    prepared: Prepared,
    call: {
      parameters: QueryParameters | undefined;
      rowsMax: number | undefined;
      values: "json" | "js";
    },
  ): Promise<QueryRows> {
    const { driver } = this.#context;
    const { facts } = prepared;
    const { parameters, rowsMax, values } = call;
    const statement = await this.#statementFor(prepared, rowsMax);
    this.#throwIfStopped();
    bindParameters(driver, { statement, parameters: facts.parameters }, parameters);
    const result = await statement.run();
    this.#throwIfStopped();
    if (rowsMax !== undefined && result.rowCount > rowsMax) throw tooManyRows(rowsMax);
    const wrapped = statement !== prepared.plain;
    if (wrapped && facts.columnNames === undefined && hasNumberedNames(result)) {
      facts.wrappable = false;
      return this.#execute(prepared, call);
    }
    return readResult(driver, result, { values, names: wrapped ? facts.columnNames : undefined });
  }

  /** The statement itself, or, where the rows are limited, the statement inside a LIMIT of one more, which shows an excess. */
  async #statementFor(prepared: Prepared, rowsMax: number | undefined): Promise<DuckDBPreparedStatement> {
    const { facts } = prepared;
    if (rowsMax !== undefined && facts.wrappable) {
      if (prepared.wrapped?.rowsMax === rowsMax) return prepared.wrapped.statement;
      prepared.wrapped?.statement.destroySync();
      prepared.wrapped = undefined;
      try {
        const statement = await this.#connection.prepare(`SELECT * FROM (\n${facts.body}\n) LIMIT ${rowsMax + 1}`);
        prepared.wrapped = { rowsMax, statement };
        return statement;
      } catch (error) {
        if (isFatal(error)) throw error;
        facts.wrappable = false;
      }
    }
    return (prepared.plain ??= await this.#connection.prepare(facts.body));
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new LockkeeperError("INTERRUPTED", "the query was interrupted");
  }
}

function forget(prepared: Prepared): void {
  prepared.plain?.destroySync();
  prepared.wrapped?.statement.destroySync();
}

/** In brackets the engine renames a second column `a` to `a_1`; only where the statement's own names are unknown does that matter. */
function hasNumberedNames(result: DuckDBMaterializedResult): boolean {
  return result.columnNames().some((name) => /_\d+$/.test(name));
}

function tooManyRows(rowsMax: number): LockkeeperError {
  return new LockkeeperError("LIMIT_ROWS", `the result has more than ${rowsMax} rows`, {
    hint: "Add a LIMIT or aggregate, or raise the limit of rows.",
  });
}

function stoppedError(reason: StopReason, timeMaxMs: number | undefined): LockkeeperError {
  if (reason === "time") {
    return new LockkeeperError("LIMIT_TIME", `the query ran longer than ${timeMaxMs} ms`, {
      hint: "Narrow the query, or raise the limit of time.",
    });
  }
  return new LockkeeperError("INTERRUPTED", reason === "abort" ? "the query was aborted" : "the query was interrupted");
}
