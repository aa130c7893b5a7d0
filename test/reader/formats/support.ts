import { openFile, sampleFile } from "../../engine/duckdb/support.ts";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import type { QueryColumn } from "../../../src/model/query.ts";
import type { RowSource, TextFormat } from "../../../src/reader/formats/format.ts";

/** A database to ask things of. */
export async function sample(): Promise<Database> {
  return openFile(await sampleFile(10), { concurrency: 1 });
}

/** The whole text of a statement's rows in a format. */
export async function textOf<Options>(
  database: Database,
  sql: string,
  { format, ...options }: { readonly format: TextFormat<Options> } & Options,
): Promise<string> {
  const source = await database.stream(sql, undefined, { values: "exact" });
  return joined(format.encode(source, options as unknown as Options));
}

/** The pieces of a text in one. */
export async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

/** Rows that a test makes up. */
export function rowsOf(types: Readonly<Record<string, string>>, ...batches: unknown[][][]): RowSource {
  const columns: QueryColumn[] = Object.entries(types).map(([name, type]) => ({ name, type }));
  return {
    columns,
    async *[Symbol.asyncIterator]() {
      for (const batch of batches) yield await Promise.resolve(batch);
    },
  };
}
