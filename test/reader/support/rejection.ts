/** What a promise rejects with; fails when it does not. Takes the rejection up at once, so that it may be awaited later. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`resolved with ${String(outcome.value)} where a rejection was expected`);
}
