const exitOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

type EndSignal = keyof typeof exitOf;

/** Turns the signals that end a process into an `AbortSignal`. */
export interface Interruption {
  /** Begins to listen at the first call. */
  signal(): AbortSignal;
  /** The exit code of the signal that came, if one came. */
  exit(): number | undefined;
}

/**
 * Not listening until asked: a command that changes nothing is ended by the system, at once. The second signal ends the
 * process without waiting for clean-up; the kernel frees its locks and the next command cleans up.
 */
export function createInterruption(): Interruption {
  const controller = new AbortController();
  let exit: number | undefined;
  let listening = false;
  const onSignal = (name: EndSignal) => {
    if (exit !== undefined) process.exit(exit);
    exit = exitOf[name];
    controller.abort(new Error(`stopped by ${name}`));
  };
  return {
    signal() {
      if (!listening) for (const name of Object.keys(exitOf) as EndSignal[]) process.on(name, () => onSignal(name));
      listening = true;
      return controller.signal;
    },
    exit: () => exit,
  };
}
