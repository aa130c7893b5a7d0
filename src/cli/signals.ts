import { endSignals, onForwardedSignal, type EndSignal } from "../platform/foreground.ts";

const exitOf: Readonly<Record<EndSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Turns the signals that end a process into an `AbortSignal`. */
export interface Interruption {
  /** Begins to listen at the first call. */
  signal(): AbortSignal;
  /** The exit code of the signal that came, if one came. */
  exit(): number | undefined;
}

/**
 * Not listening until asked: a command that changes nothing is ended by the system, at once. The second signal ends the
 * process without waiting for clean-up; the kernel frees its locks and the next command cleans up. One that came to us and, through who started us, once more is one.
 */
export function createInterruption(): Interruption {
  const controller = new AbortController();
  const heard = new Set<"system" | "starter">();
  let exit: number | undefined;
  let listening = false;
  const onSignal = (name: EndSignal, from: "system" | "starter") => {
    if (exit !== undefined && heard.has(from)) process.exit(exit);
    heard.add(from);
    exit ??= exitOf[name];
    controller.abort(new Error(`stopped by ${name}`));
  };
  const listen = () => {
    listening = true;
    for (const name of endSignals) process.on(name, () => onSignal(name, "system"));
    onForwardedSignal((name) => onSignal(name, "starter"));
  };
  return {
    signal() {
      if (!listening) listen();
      return controller.signal;
    },
    exit: () => exit,
  };
}
