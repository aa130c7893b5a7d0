import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename } from "node:path";
import type { CommandExit, CommandRequest, ProcessIdentity, Processes } from "./port.ts";

const windows = process.platform === "win32";
const commandCharactersMax = 200;
/** After the command has ended, how long its pipes may stay open: a daemon it left behind must not hold us. */
const drainMs = 500;

/** Other processes of this machine. */
export const nodeProcesses: Processes = {
  self: () => (identity ??= readIdentity()),
  run: runCommand,
};

let identity: ProcessIdentity | undefined;

function readIdentity(): ProcessIdentity {
  const words = process.argv.map((word, index) => (index < 2 ? basename(word) : word));
  return {
    pid: process.pid,
    host: hostname(),
    bootId: readBootId(),
    startedAt: new Date(performance.timeOrigin).toISOString(),
    command: words.join(" ").slice(0, commandCharactersMax),
  };
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

function runCommand(request: CommandRequest): Promise<CommandExit> {
  const [program = "", ...words] = request.argv;
  const started = performance.now();
  const child = spawn(program, words, {
    cwd: request.folder,
    env: environmentOf(request.environment),
    stdio: ["ignore", "pipe", "pipe", ...inherited(request)],
    // A group of its own, so that the command's children can be ended with it.
    detached: !windows,
    windowsHide: true,
  });
  endWithUs(child);
  child.stdout?.on("data", (chunk: Buffer) => request.onOutput(chunk, "stdout"));
  child.stderr?.on("data", (chunk: Buffer) => request.onOutput(chunk, "stderr"));
  return new Promise((resolve, reject) => {
    const ending = endOnDemand(child, request);
    child.once("error", (error) => {
      ending.stop();
      reject(error);
    });
    child.once("exit", (exit, signal) => {
      ending.stop();
      void drained(child).then(() =>
        resolve({ exit, signal, timedOut: ending.timedOut(), durationMs: performance.now() - started, pid: child.pid ?? -1 }),
      );
    });
  });
}

function inherited({ inherit }: CommandRequest): number[] {
  return inherit.map((file) => file.descriptor).filter((descriptor) => descriptor >= 0);
}

const running = new Set<ChildProcess>();

/**
 * A command does not outlive a process that ends on its own account (`process.exit`, a second Ctrl-C): its group is killed. Nothing can be done
 * for SIGKILL; there the inherited lock tells.
 */
function endWithUs(child: ChildProcess): void {
  if (running.size === 0) process.on("exit", killRunning);
  running.add(child);
  const forget = (): void => {
    running.delete(child);
    if (running.size === 0) process.off("exit", killRunning);
  };
  child.once("exit", forget);
  child.once("error", forget);
}

function killRunning(): void {
  for (const child of running) signalGroup(child, "SIGKILL");
}

/** SIGTERM to the group when the signal aborts or the time is up, SIGKILL after the grace. */
function endOnDemand(child: ChildProcess, request: CommandRequest) {
  let timedOut = false;
  let ended = false;
  let killTimer: NodeJS.Timeout | undefined;
  const end = () => {
    if (killTimer) return;
    signalGroup(child, "SIGTERM");
    killTimer = setTimeout(() => signalGroup(child, "SIGKILL"), request.graceMs);
  };
  const timer =
    request.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          end();
        }, request.timeoutMs);
  if (request.signal?.aborted) end();
  request.signal?.addEventListener("abort", end, { once: true });
  return {
    timedOut: () => timedOut,
    stop() {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      clearTimeout(killTimer);
      request.signal?.removeEventListener("abort", end);
      // What the command started and left behind when it was told to end goes with it.
      if (killTimer) signalGroup(child, "SIGKILL");
    },
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (windows) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

function drained(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve();
    }, drainMs);
    child.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function environmentOf(added: CommandRequest["environment"]): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const [name, value] of Object.entries(added)) {
    if (value === undefined) delete environment[name];
    else environment[name] = value;
  }
  return environment;
}
