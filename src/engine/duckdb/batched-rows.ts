import type { EngineStream, QueryColumn, QueryRows } from "../../model/query.ts";

/** Rows of a batch: what the engine's own chunks hold. */
const batchRows = 2048;

type Batch = readonly (readonly unknown[])[];

/** A whole result, handed out in batches: for statements that cannot be streamed. It needs the database no more. */
export class BatchedRows implements EngineStream {
  readonly columns: readonly QueryColumn[];
  readonly ended = Promise.resolve();
  #rows: Batch;

  constructor({ columns, rows }: QueryRows) {
    this.columns = columns;
    this.#rows = rows;
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch, undefined> {
    const done = { done: true, value: undefined } as const;
    return {
      next: () => {
        const value = this.#rows.slice(0, batchRows);
        this.#rows = this.#rows.slice(batchRows);
        return Promise.resolve(value.length === 0 ? done : { done: false, value });
      },
      return: async () => {
        await this.close();
        return done;
      },
    };
  }

  close(): Promise<void> {
    this.#rows = [];
    return this.ended;
  }
}
