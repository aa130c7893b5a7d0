import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Driver } from "./driver.ts";
import { engineError } from "./errors.ts";
import { explainedStatement, readSqlText, type SqlText } from "./sql-text.ts";

/** A parameter of a statement, in the order in which the engine counts them. */
export interface Parameter {
  /** `1` for `$1` and for the first `?`; `name` for `$name`. */
  readonly name: string;
  /** Whether it stands where a time without a zone is wanted: a TIMESTAMP or DATE. */
  readonly zoneless: boolean;
}

/** What is known of a statement, whichever connection runs it. */
export interface StatementFacts {
  /** Without what surrounds it, so that it can stand in brackets. */
  readonly body: string;
  readonly parameters: readonly Parameter[];
  /** Names of its columns; unknown as long as the type of a parameter is. */
  readonly columnNames: readonly string[] | undefined;
  /** Their types, in the engine's words; known when the names are. */
  readonly columnTypes: readonly string[] | undefined;
  /** Whether it may run inside `SELECT * FROM (…) LIMIT n`. Turns false when the engine does not take it so. */
  wrappable: boolean;
  /** Whether it may run beside an end marker, as `marked` writes it. Turns false in the same way. */
  markable: boolean;
}

const readOnlyHint = "Only one SELECT, EXPLAIN, SHOW, DESCRIBE or FROM statement can be run here; change data in a build.";

/** Functions that change the state of the instance or the connection from within a SELECT. */
const changingFunctions =
  /\b(?:(?:enable|disable)_(?:logging|profiling|peg_parser)|truncate_duckdb_logs|write_log|(?:force_)?checkpoint|nextval|json_execute_serialized_sql)\s*\(/i;

/**
 * Judges SQL: exactly one statement that only reads. Everything that `run` would execute is counted first (FACTS 1.8). Throws `QUERY_REFUSED`
 * for anything else and `QUERY_FAILED` where it does not parse or bind.
 */
export async function examine(
  driver: Driver,
  connection: DuckDBConnection,
  sql: string,
): Promise<{ readonly facts: StatementFacts; readonly statement: DuckDBPreparedStatement }> {
  const text = readSqlText(sql);
  if (text.body === "") throw refused("there is no statement in the SQL text");
  const changing = changingFunctions.exec(text.code);
  if (changing) throw refused(`${changing[0].replace(/\s*\($/, "")} changes the engine's state`);
  const statement = await prepareOnly(connection, sql, text);
  try {
    const kind = driver.StatementType[statement.statementType];
    if (kind === "EXPLAIN") await assertExplainsSelect(driver, connection, text.body);
    else if (kind !== "SELECT") throw refused(`${article(kind)} statement does not only read`);
    return { facts: factsOf(driver, statement, text), statement };
  } catch (error) {
    statement.destroySync();
    throw error;
  }
}

/** `QUERY_REFUSED` with the hint that all refusals share. */
function refused(message: string, hint = readOnlyHint): LockkeeperError {
  return new LockkeeperError("QUERY_REFUSED", message, { hint });
}

async function prepareOnly(connection: DuckDBConnection, sql: string, text: SqlText): Promise<DuckDBPreparedStatement> {
  let statements;
  try {
    statements = await connection.extractStatements(sql);
  } catch (error) {
    throw engineError(stripped(error));
  }
  if (statements.count === 1) return statements.prepare(0);
  if (text.several) throw refused(`the SQL text holds ${statements.count} statements`, "Run one statement at a time.");
  throw refused(
    "the statement stands for several, of which some change state",
    "Give PIVOT its values: PIVOT … ON column IN (…).",
  );
}

/** EXPLAIN ANALYZE runs what it explains, whatever that is. */
async function assertExplainsSelect(driver: Driver, connection: DuckDBConnection, body: string): Promise<void> {
  const inner = explainedStatement(body);
  if (inner === undefined) throw refused("this form of EXPLAIN is not understood");
  const statement = await prepareOnly(connection, inner, readSqlText(inner));
  const kind = driver.StatementType[statement.statementType];
  statement.destroySync();
  if (kind !== "SELECT") throw refused(`EXPLAIN of ${article(kind)} statement is not a read`);
}

function factsOf(driver: Driver, statement: DuckDBPreparedStatement, text: SqlText): StatementFacts {
  const parameters = parametersOf(driver, statement);
  // Without the types of all parameters the engine shows one column named "unknown".
  const columns = parameters.every(({ known }) => known)
    ? Array.from({ length: statement.columnCount }, (_, index) => index)
    : undefined;
  return {
    body: text.body,
    parameters: parameters.map(({ name, zoneless }) => ({ name, zoneless })),
    columnNames: columns?.map((index) => statement.columnName(index)),
    columnTypes: columns?.map((index) => statement.columnType(index).toString()),
    wrappable: !/^(?:EXPLAIN|PRAGMA)\b/i.test(text.code),
    markable: true,
  };
}

function parametersOf(driver: Driver, statement: DuckDBPreparedStatement): (Parameter & { readonly known: boolean })[] {
  const { DuckDBTypeId: Id } = driver;
  const zoneless = new Set<number>([Id.TIMESTAMP, Id.TIMESTAMP_S, Id.TIMESTAMP_MS, Id.TIMESTAMP_NS, Id.DATE]);
  return Array.from({ length: statement.parameterCount }, (_, index) => {
    const type = statement.parameterTypeId(index + 1);
    return {
      name: nameOf(statement, index + 1),
      zoneless: zoneless.has(type),
      known: type !== Id.INVALID && type !== Id.ANY,
    };
  });
}

function nameOf(statement: DuckDBPreparedStatement, index: number): string {
  try {
    return statement.parameterName(index);
  } catch {
    throw new LockkeeperError("BIND_FAILED", `the statement numbers its parameters with a gap: there is no $${index}`, {
      hint: "Number them $1, $2, … without leaving one out.",
    });
  }
}

/** The driver puts words of its own in front of the parser's. */
function stripped(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^Failed to extract statements: /, "");
}

function article(kind: string): string {
  return `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind.replaceAll("_", " ")}`;
}
