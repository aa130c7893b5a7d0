import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { EngineStream, QueryOptions, QueryParameters, QueryRows, ValueForm } from "../../model/query.ts";
import { uniqueNames } from "../../model/column-names.ts";
import type { Clock } from "../../platform/port.ts";
import { bindParameters } from "./bind.ts";
import type { Driver } from "./driver.ts";
import { engineError, isFatal } from "./errors.ts";
import { Lru } from "./lru.ts";
import { BatchedRows } from "./batched-rows.ts";
import { MarkedStream, marked, type MarkedSource } from "./marked-stream.ts";
import { parquetCopy, type ParquetColumn } from "./parquet.ts";
import { convertersOf, readResult, tooManyRows } from "./result.ts";
import { examine, type StatementFacts } from "./statement.ts";
import { Stopper, type StopReason } from "./stopper.ts";

/** Prepared statements that one connection keeps. */
const preparedMax = 32;

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

interface Prepared {
  readonly facts: StatementFacts;
  plain: DuckDBPreparedStatement | undefined;
  wrapped: { readonly rowsMax: number; readonly statement: DuckDBPreparedStatement } | undefined;
  marked: DuckDBPreparedStatement | undefined;
}

/** A statement with its bounds, prepared. */
interface Execution {
  readonly parameters: QueryParameters | undefined;
  readonly rowsMax: number | undefined;
  readonly bytesMax: number | undefined;
  readonly values: ValueForm;
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
  readonly #stopper: Stopper;

  constructor(connection: DuckDBConnection, context: SessionContext) {
    this.#connection = connection;
    this.#context = context;
    this.#stopper = new Stopper(connection, context.clock);
  }

  /** Runs a query to its end; when it returns or throws, no call into the engine is in flight (FACTS 1.6). */
  async run({ sql, parameters, options }: QueryCall): Promise<QueryRows> {
    const end = this.#stopper.begin(options);
    try {
      return await this.#execute(await this.#prepare(sql), executionOf(parameters, options));
    } catch (error) {
      throw this.#failure(error);
    } finally {
      this.broken ||= this.#stopper.stopped;
      end();
    }
  }

  /**
   * Begins a stream. The session is the stream's alone until `ended` resolves, when no call is in flight. What cannot run beside an end marker is run to its end
   * now, as `run` does.
   */
  async stream({ sql, parameters, options }: QueryCall): Promise<EngineStream> {
    const end = this.#stopper.begin(options);
    try {
      const prepared = await this.#prepare(sql);
      const execution = executionOf(parameters, options);
      const source = await this.#start(prepared, execution);
      if (source) {
        const leave = async (whole: boolean): Promise<void> => {
          if (!whole) await this.#abandon(source.result);
          end();
        };
        return new MarkedStream({ ...source, stopper: this.#stopper, rowsMax: execution.rowsMax, leave });
      }
      const rows = await this.#execute(prepared, execution);
      end();
      return new BatchedRows(rows);
    } catch (error) {
      this.broken ||= this.#stopper.stopped;
      end();
      throw this.#failure(error);
    }
  }

  /** Writes a statement's rows to a file that is not there yet; returns their number. What it throws may leave a part of the file. */
  async exportParquet({ sql, parameters, options }: QueryCall, path: string): Promise<number> {
    const end = this.#stopper.begin(options);
    try {
      const { facts } = await this.#prepare(sql);
      const { rowsMax } = executionOf(parameters, options);
      const columns = await this.#columnsOf(facts, parameters);
      const statement = await this.#connection.prepare(parquetCopy(facts, { path, rowsMax, columns }));
      this.#stopper.throwIfStopped();
      bindParameters(this.#context.driver, { statement, parameters: facts.parameters }, parameters);
      const rows = (await statement.run()).rowsChanged;
      this.#stopper.throwIfStopped();
      statement.destroySync();
      if (rowsMax !== undefined && rows > rowsMax) throw tooManyRows(rowsMax);
      return rows;
    } catch (error) {
      throw this.#failure(error);
    } finally {
      this.broken ||= this.#stopper.stopped;
      end();
    }
  }

  /** Names and types of a statement's columns; where they depend on the parameters' values, as the engine tells them with those. */
  async #columnsOf(facts: StatementFacts, parameters: QueryParameters | undefined): Promise<readonly ParquetColumn[]> {
    const { columnNames, columnTypes, wrappable } = facts;
    if (!wrappable) return [];
    if (columnNames && columnTypes)
      return uniqueNames(columnNames).map((name, index) => ({ name, type: columnTypes[index] ?? "" }));
    const statement = await this.#connection.prepare(`SELECT * FROM (\n${facts.body}\n) LIMIT 0`);
    try {
      this.#stopper.throwIfStopped();
      bindParameters(this.#context.driver, { statement, parameters: facts.parameters }, parameters);
      const result = await statement.run();
      return result.columnNames().map((name, index) => ({ name, type: result.columnType(index).toString() }));
    } finally {
      statement.destroySync();
    }
  }

  /** Stops what runs now; it throws once the engine has let go. */
  interrupt(reason: StopReason): void {
    this.#stopper.stop(reason);
  }

  /** Must not be called while a query runs: closing then blocks a thread for ever (FACTS 1.6). */
  close(): void {
    if (this.#stopper.running) throw new LockkeeperError("BUG", "a connection was closed while its query ran");
    this.#connection.closeSync();
  }

  /** Our error for what a call threw. */
  #failure(error: unknown): LockkeeperError {
    if (this.#stopper.stopped) return this.#stopper.error();
    if (isFatal(error)) this.broken = this.fatal = true;
    return engineError(error);
  }

  async #prepare(sql: string): Promise<Prepared> {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const facts = this.#context.facts.get(sql);
    const prepared: Prepared = facts
      ? { facts, plain: undefined, wrapped: undefined, marked: undefined }
      : await this.#examine(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  async #examine(sql: string): Promise<Prepared> {
    const { facts, statement } = await examine(this.#context.driver, this.#connection, sql);
    this.#context.facts.set(sql, facts);
    return { facts, plain: statement, wrapped: undefined, marked: undefined };
  }

  async #execute(prepared: Prepared, execution: Execution): Promise<QueryRows> {
    const { driver } = this.#context;
    const { facts } = prepared;
    const { parameters, rowsMax, bytesMax, values } = execution;
    const statement = await this.#statementFor(prepared, rowsMax);
    this.#stopper.throwIfStopped();
    bindParameters(driver, { statement, parameters: facts.parameters }, parameters);
    const result = await statement.run();
    this.#stopper.throwIfStopped();
    if (rowsMax !== undefined && result.rowCount > rowsMax) throw tooManyRows(rowsMax);
    const wrapped = statement !== prepared.plain;
    if (wrapped && facts.columnNames === undefined && hasNumberedNames(result)) {
      facts.wrappable = false;
      return this.#execute(prepared, execution);
    }
    return readResult(driver, result, { values, bytesMax, names: wrapped ? facts.columnNames : undefined });
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

  /** The streaming result of a statement that can have an end marker; `undefined` where it cannot. */
  async #start(prepared: Prepared, { parameters, values }: Execution): Promise<MarkedSource | undefined> {
    const { driver } = this.#context;
    const { facts } = prepared;
    const statement = await this.#markedFor(prepared);
    this.#stopper.throwIfStopped();
    if (!statement) return undefined;
    bindParameters(driver, { statement, parameters: facts.parameters }, parameters);
    const result = await statement.stream();
    const unnamed = facts.columnNames === undefined && hasNumberedNames(result);
    if (unnamed || this.#stopper.stopped) await this.#abandon(result);
    this.#stopper.throwIfStopped();
    facts.markable = !unnamed;
    if (unnamed) return undefined;
    try {
      const converters = convertersOf(driver, result.columnTypes().slice(0, -1), values);
      return { result, names: facts.columnNames, converters, whyItFailed: () => this.#whyItFailed(facts, parameters) };
    } catch (error) {
      await this.#abandon(result);
      throw error;
    }
  }

  async #markedFor(prepared: Prepared): Promise<DuckDBPreparedStatement | undefined> {
    const { facts } = prepared;
    if (!facts.wrappable || !facts.markable) return undefined;
    try {
      return (prepared.marked ??= await this.#connection.prepare(marked(facts.body)));
    } catch (error) {
      if (isFatal(error)) throw error;
      facts.markable = false;
      return undefined;
    }
  }

  /** A stream that breaks does not say why (FACTS 1.7): the statement is run again, without its rows. Resolves where it does not fail again. */
  async #whyItFailed(facts: StatementFacts, parameters: QueryParameters | undefined): Promise<LockkeeperError | undefined> {
    try {
      const statement = await this.#connection.prepare(`EXPLAIN ANALYZE ${facts.body}`);
      this.#stopper.throwIfStopped();
      bindParameters(this.#context.driver, { statement, parameters: facts.parameters }, parameters);
      await statement.run();
      return undefined;
    } catch (error) {
      return this.#failure(error);
    }
  }

  /**
   * Ends a stream that is not at its end. Its tasks stop, and what it holds of the file is let go, when the engine has told it of the interrupt: merely forgotten, it
   * would keep the file open until it is garbage.
   */
  async #abandon(result: DuckDBResult): Promise<void> {
    this.broken = true;
    try {
      do this.#connection.interrupt();
      while (((await result.fetchChunk())?.rowCount ?? 0) > 0);
    } catch {
      // It has ended, too.
    }
  }
}

function forget(prepared: Prepared): void {
  prepared.plain?.destroySync();
  prepared.wrapped?.statement.destroySync();
  prepared.marked?.destroySync();
}

function executionOf(parameters: QueryParameters | undefined, { rowsMax, bytesMax, values }: QueryOptions): Execution {
  return { parameters, rowsMax: rowsMax === Infinity ? undefined : rowsMax, bytesMax, values: values ?? "json" };
}

/** In brackets the engine renames a second column `a` to `a_1`; only where the statement's own names are unknown does that matter. */
function hasNumberedNames(result: DuckDBResult): boolean {
  return result.columnNames().some((name) => /_\d+$/.test(name));
}
