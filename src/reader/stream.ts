import type { EngineStream } from "../model/query.ts";

/** The same stream, whose errors are told as `told` makes them. */
export function withErrors(stream: EngineStream, told: (error: unknown) => unknown): EngineStream {
  const iterator = stream[Symbol.asyncIterator]();
  const telling = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw told(error);
    }
  };
  const reading = {
    next: () => telling(iterator.next()),
    return: async () => {
      await iterator.return?.();
      return { done: true, value: undefined } as const;
    },
  };
  return { columns: stream.columns, ended: stream.ended, [Symbol.asyncIterator]: () => reading, close: () => stream.close() };
}
