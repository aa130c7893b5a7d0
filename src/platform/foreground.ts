import { spawn } from "node:child_process";
import { constants } from "node:os";

/** How a foreground command ended; a signal that ended it is told as 128 and its number, as a shell does. */
export interface ForegroundExit {
  readonly exit: number;
}

/**
 * Runs a command in this process's place: it has our terminal, and the signals that would end us are its to answer. Rejects with Node's error
 * when it cannot be started.
 */
export function runForeground(argv: readonly string[]): Promise<ForegroundExit> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals) => {
    // At a terminal Ctrl-C reaches the child by itself; a second one would cut its clean-up short.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    const stop = () => {
      for (const signal of forwarded) process.off(signal, forward);
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
