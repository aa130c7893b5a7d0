import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";
import type { StatementFacts } from "./statement.ts";

/** A column of a file; each name once. */
export interface ParquetColumn {
  readonly name: string;
  /** In the engine's words. */
  readonly type: string;
}

/**
 * The statement that writes another's result to a Parquet file; it takes the other's parameters. One row more than `rowsMax` shows an excess. Throws `QUERY_REFUSED` for
 * what cannot stand inside another statement.
 */
export function parquetCopy(
  facts: StatementFacts,
  {
    path,
    rowsMax,
    columns,
  }: { readonly path: string; readonly rowsMax: number | undefined; readonly columns: readonly ParquetColumn[] },
): string {
  if (!facts.wrappable) {
    throw new LockkeeperError("QUERY_REFUSED", "the rows of this statement cannot be written to a file", {
      hint: "Export a SELECT; EXPLAIN and PRAGMA can be queried.",
    });
  }
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  const rows = `FROM (\n${facts.body}\n) AS result(${names})`;
  const limit = rowsMax === undefined ? "" : ` LIMIT ${rowsMax + 1}`;
  return `COPY (SELECT ${columns.map(exactColumn).join(", ")} ${rows}${limit}) TO ${quoteLiteral(path)} (FORMAT parquet)`;
}

/** Names in a type, which are not quoted as its fields and the values of an ENUM are, of what Parquet does not hold. */
const inexact = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(?:U?HUGEINT|BIGNUM|INTERVAL|TIME WITH TIME ZONE)\b/g;

/**
 * Parquet has no whole numbers of 128 bits, no microseconds or signs of an interval and no zone of a time: the engine would write DOUBLE, milliseconds and UTC. As text they
 * are kept.
 */
function exactColumn({ name, type }: ParquetColumn): string {
  const quoted = quoteIdentifier(name);
  const written = type.replaceAll(inexact, (part) => (/^["']/.test(part) ? part : "VARCHAR"));
  return written === type ? quoted : `CAST(${quoted} AS ${written}) AS ${quoted}`;
}
