import type { QueryOptions, QueryParameters } from "../model/query.ts";
import type { Generation } from "./generation.ts";
import type { ReaderSettings } from "./options.ts";
import type { BorrowedQueryOptions, ReaderRows, ReaderStream } from "./reader.ts";

/** One statement with its bounds. */
export interface Statement {
  readonly sql: string;
  readonly parameters: QueryParameters | undefined;
  readonly options: BorrowedQueryOptions;
}

type Bounds = Pick<ReaderSettings, "rowsMax" | "timeMaxMs" | "bytesMax">;

/** A statement's result with the release it comes from, within the bounds of the reader. Throws what `Generation.query` throws. */
export async function answer(
  generation: Generation,
  bounds: Bounds,
  statement: Statement,
): Promise<ReaderRows<number | undefined>> {
  const rows = await generation.query(statement.sql, statement.parameters, within(bounds, statement.options));
  const { release, version } = generation.target;
  return { columns: rows.columns, rows: rows.rows, objects: () => rows.objects(), release, version };
}

/** A statement's result as a stream, likewise; `ended` is when it holds its generation no more. */
export async function answerInBatches(
  generation: Generation,
  bounds: Bounds,
  statement: Statement,
): Promise<{ readonly stream: ReaderStream<number | undefined>; readonly ended: Promise<void> }> {
  // Its memory does not grow with its rows, so only the caller bounds them.
  const rowsMax = statement.options.rowsMax ?? Infinity;
  const rows = await generation.stream(statement.sql, statement.parameters, within({ ...bounds, rowsMax }, statement.options));
  const { release, version } = generation.target;
  const stream: ReaderStream<number | undefined> = Object.freeze({
    columns: rows.columns,
    release,
    version,
    [Symbol.asyncIterator]: () => rows[Symbol.asyncIterator](),
    close: () => rows.close(),
  });
  return { stream, ended: rows.ended };
}

function within(bounds: Bounds, wanted: BorrowedQueryOptions): QueryOptions {
  const { signal, values, rowsMax = bounds.rowsMax, bytesMax = bounds.bytesMax } = wanted;
  return {
    signal,
    values,
    timeMaxMs: bounds.timeMaxMs,
    rowsMax: Math.min(rowsMax, bounds.rowsMax),
    bytesMax: Math.min(bytesMax, bounds.bytesMax),
  };
}
