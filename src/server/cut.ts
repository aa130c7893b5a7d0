/**
 * A body that fails cuts its connection, so that no receiver takes what came for the whole, and does nothing else: what an adapter would print and send of the
 * error may hold paths.
 */
export function cutOnFailure(source: ReadableStream<Uint8Array>, outgoing: { destroy(): unknown }): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
        } catch {
          outgoing.destroy();
        }
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
