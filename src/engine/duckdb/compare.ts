import { parquetCatalogue } from "../../model/artifact.ts";
import type { CatalogueTable } from "../../model/diff.ts";
import type { QueryOptions, QueryParameters, QueryRows } from "../../model/query.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { readCatalogue } from "./catalogue.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

/** An open database that answers statements. */
export interface QuerySource {
  query(sql: string, parameters: QueryParameters | undefined, options: QueryOptions): Promise<QueryRows>;
}

/** A table of a database that is attached as `catalogue`. */
export interface TableName {
  readonly catalogue: string;
  readonly schema: string;
  readonly name: string;
}

/** Tables and views of the database attached as `catalogue`, by schema and name; tables with exact row counts, views with their statements. */
export async function comparedCatalogue(source: QuerySource, catalogue: string): Promise<CatalogueTable[]> {
  const { tables, definitions } = await readCatalogue(source, catalogue);
  return tables.map((table, index) => ({ ...table, ...(table.kind === "view" && { definition: definitions[index] }) }));
}

/**
 * What two tables of equal columns share when their rows are equal, in whatever order: the number of rows, and the xor and the sum of a 64-bit hash of each (FACTS 3.3: xor alone
 * cancels pairs, and no hash may be stored, for another engine version may compute another). One scan of every column.
 */
export async function tableFingerprint(
  source: QuerySource,
  table: TableName & { readonly columns: readonly { readonly name: string }[] },
  options: QueryOptions,
): Promise<string> {
  const columns = table.columns.map(({ name }) => quoteIdentifier(name)).join(", ");
  const sql = `SELECT count(*), bit_xor(h), sum(h) FROM (SELECT hash(${columns}) AS h FROM ${qualified(table)})`;
  const { rows } = await source.query(sql, undefined, options);
  return JSON.stringify(rows[0]);
}

/** Bytes of the blocks that hold any of a table; `undefined` where the engine cannot tell, as for a name with quotes in it, or for Parquet files. Reads no data. */
export async function tableBytes(source: QuerySource, table: TableName, options: QueryOptions): Promise<number | undefined> {
  if (table.catalogue === parquetCatalogue) return undefined;
  const storage = `pragma_storage_info(${quoteLiteral(qualified(table))})`;
  const sql = `
    SELECT (count(DISTINCT block) * (SELECT max(block_size) FROM pragma_database_size() WHERE database_name = $name))::VARCHAR FROM (
      SELECT block_id AS block FROM ${storage} WHERE block_id >= 0
      UNION ALL SELECT unnest(additional_block_ids) FROM ${storage})`;
  try {
    const { rows } = await source.query(sql, { name: table.catalogue }, options);
    return Number(rows[0]?.[0] ?? 0);
  } catch (error) {
    if (!isLockkeeperError(error, "QUERY_FAILED")) throw error;
    return undefined;
  }
}

function qualified({ catalogue, schema, name }: TableName): string {
  return [catalogue, schema, name].map(quoteIdentifier).join(".");
}
