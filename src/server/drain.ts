/** Whether a server is about to end. */
export interface Drain {
  readonly draining: () => boolean;
  /** Calls `listener` once when it begins; at once where it has begun. */
  readonly onDrain: (listener: () => void) => void;
  readonly begin: () => void;
}

/** A server that is not about to end yet. */
export function createDrain(): Drain {
  const listeners: (() => void)[] = [];
  let draining = false;
  return {
    draining: () => draining,
    onDrain: (listener) => {
      if (draining) listener();
      else listeners.push(listener);
    },
    begin: () => {
      draining = true;
      for (const listener of listeners.splice(0)) listener();
    },
  };
}
