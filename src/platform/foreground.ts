import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";

/** How a foreground command ended; a signal that ended it is told as 128 and its number, as a shell does. */
export interface ForegroundExit {
  readonly exit: number;
}

/** The signals that end a program. */
export const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** One of `endSignals`. */
export type EndSignal = (typeof endSignals)[number];

/**
 * Runs a command in this process's place: it has our terminal, and the signals that would end us are its to answer. Rejects with Node's error
 * when it cannot be started.
 */
export function runForeground(argv: readonly string[]): Promise<ForegroundExit> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { stdio: "inherit" });
  return ended(child, (signal) => {
    // At a terminal Ctrl-C reaches the child by itself; a second one would cut its clean-up short.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}

/**
 * Runs a program of ours in this process's place, with `environment` added to ours. It hears of our signals from us, by `onForwardedSignal`: a terminal or a service manager sends one to
 * both of us, and as two signals they would cut its clean-up short. Rejects with Node's error when it cannot be started.
 */
export function runInPlace(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<ForegroundExit> {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, words, { stdio: ["inherit", "inherit", "inherit", "ipc"], env });
  // One that has just ended needs no word any more.
  return ended(child, (signal) => void child.send({ signal }, () => undefined));
}

/** Calls `listener` with each signal that whoever runs us in its place has received. Does not keep this process alive. */
export function onForwardedSignal(listener: (signal: EndSignal) => void): void {
  process.on("message", (message) => {
    const { signal } = (message ?? {}) as { readonly signal?: EndSignal };
    if (signal !== undefined && endSignals.includes(signal)) listener(signal);
  });
  process.channel?.unref();
}

function ended(child: ChildProcess, forward: (signal: EndSignal) => void): Promise<ForegroundExit> {
  for (const signal of endSignals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    const stop = () => {
      for (const signal of endSignals) process.off(signal, forward);
    };
    child.once("error", (error) => {
      stop();
      reject(error);
    });
    child.once("exit", (exit, signal) => {
      stop();
      resolve({ exit: exit ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
    });
  });
}
