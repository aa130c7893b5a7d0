// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */
/** @typedef {{ code: number | null, stdout: string, stderr: string }} Ended */

/** A child that does not end in this time after SIGTERM is killed. Milliseconds. */
const stopTimeoutMs = 10_000;

/**
 * Every process the demo starts, so that all of them can be ended. Each has a process group of its own: Ctrl-C reaches the
 * driver alone, which ends them in order.
 */
export function createChildren() {
  /** @type {Set<ChildProcess>} */
  const running = new Set();
  let stopping = false;

  /**
   * Starts `program`, by default Node, with `args`.
   *
   * @param {string[]} args
   * @param {{ cwd: string, env: NodeJS.ProcessEnv, ipc?: boolean, program?: string | undefined }} options
   * @returns {ChildProcess}
   */
  function start(args, { cwd, env, ipc = false, program = process.execPath }) {
    if (stopping) throw new Error("the demo is being stopped");
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ipc ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
    });
    running.add(child);
    for (const end of ["exit", "error"]) child.once(end, () => running.delete(child));
    return child;
  }

  return {
    start,
    /**
     * Runs to the end, whatever the exit code. Throws where there is no such program.
     *
     * @param {string[]} args
     * @param {{ cwd: string, env: NodeJS.ProcessEnv, program?: string | undefined, onLine?: (line: string) => void }} options
     * @returns {Promise<Ended>}
     */
    async run(args, { cwd, env, program, onLine }) {
      const child = start(args, { cwd, env, program });
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr, onLine);
      const [code] = await once(child, "close");
      return { code, stdout: stdout(), stderr: stderr() };
    },
    /** Ends all: SIGTERM, and SIGKILL to what is left after the time-out. */
    async stopAll() {
      stopping = true;
      await Promise.all([...running].map((child) => stop(child)));
    },
  };
}

/**
 * Ends one child and waits for its end. Node's end what they started; of any other program the whole process group is ended.
 *
 * @param {ChildProcess} child
 */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.spawnfile !== process.execPath && process.platform !== "win32") return stopGroup(child);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

/**
 * Ends a process group, and waits until there is nobody in it.
 *
 * @param {ChildProcess} child its leader
 */
async function stopGroup({ pid }) {
  /** @param {NodeJS.Signals | 0} signal */
  const tell = (signal) => {
    try {
      return pid !== undefined && process.kill(-pid, signal);
    } catch {
      return false;
    }
  };
  tell("SIGTERM");
  const killAt = performance.now() + stopTimeoutMs;
  while (tell(0)) {
    if (performance.now() > killAt) tell("SIGKILL");
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/**
 * Waits for a line of the child's output that `pattern` matches; throws when the child ends first.
 *
 * @param {ChildProcess} child
 * @param {RegExp} pattern
 * @returns {Promise<string>} the first group
 */
export function lineOf(child, pattern) {
  const stderr = collect(child.stderr);
  return new Promise((resolve, reject) => {
    collect(child.stdout, (line) => {
      const match = pattern.exec(line);
      if (match) resolve(match[1] ?? line);
    });
    child.once("close", (code) => reject(new Error(`a process of the demo ended with exit ${code}: ${stderr().trim()}`)));
  });
}

/** Output that is kept of a child, at most. Bytes. */
const outputBytesMax = 256 * 1024;

/**
 * @param {import("node:stream").Readable | null} stream
 * @param {(line: string) => void} [onLine]
 */
export function collect(stream, onLine) {
  let text = "";
  stream?.setEncoding("utf8").on("data", (chunk) => {
    text = (text + chunk).slice(-outputBytesMax);
  });
  if (stream && onLine) createInterface({ input: stream }).on("line", onLine);
  return () => text;
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeoutMs
 * @param {string} what for the message
 * @returns {Promise<T>}
 */
export async function within(promise, timeoutMs, what) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await /** @type {Promise<T>} */ (Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `Promise.withResolvers`, which Node 20 does not have.
 *
 * @returns {{ promise: Promise<any>, resolve: (value: any) => void, reject: (error: Error) => void }}
 */
export function withResolvers() {
  let resolve = (/** @type {any} */ _value) => {};
  let reject = (/** @type {Error} */ _error) => {};
  const promise = new Promise((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}
