/** The same once its first piece is there: what fails before that is still a problem with its status. */
export async function begun(stream: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = stream[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await iterator.next();
  const reading: AsyncIterator<Uint8Array> = {
    next() {
      const next = first === undefined ? iterator.next() : Promise.resolve(first);
      first = undefined;
      return next;
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => reading };
}

/**
 * A body that is made as it is taken. What fails in it becomes an error of the body, which cuts the connection: without the last chunk no
 * receiver can take what came for the whole. `done` settles when the last byte was taken, when it failed, or when the receiver went, which `signal` tells.
 */
export function bodyOf(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): { readonly body: ReadableStream<Uint8Array>; readonly done: Promise<void> } {
  const iterator = source[Symbol.asyncIterator]();
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stop = async (): Promise<void> => {
    signal.removeEventListener("abort", onAbort);
    try {
      await iterator.return?.();
    } finally {
      finish();
    }
  };
  const onAbort = () => void stop().catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done !== true) return controller.enqueue(next.value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        signal.removeEventListener("abort", onAbort);
        finish();
      },
      cancel: stop,
    },
    { highWaterMark: 1 },
  );
  return { body, done };
}
