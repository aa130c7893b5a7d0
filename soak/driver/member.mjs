// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { join } from "node:path";

/**
 * What is around a soak: where it lies, what it is repeated by, and when it is over.
 *
 * @typedef {object} Scene
 * @property {string} seed
 * @property {string} logs folder of the logs
 * @property {string} config path of lockkeeper.toml
 * @property {string} store the store's name
 * @property {string} dir the store's folder
 * @property {string} basename
 * @property {import("../lib/lines.mjs").Log} log the driver's own
 * @property {AbortSignal} over aborts when no more is to be started or killed
 * @property {(reason: string) => void} giveUp ends the soak early
 */

/** A member that does not end in this time after it was asked to is killed, which the checker finds. Milliseconds. */
const endTimeoutMs = 90_000;

/** The environment of a process that takes part: what is set for Lockkeeper around the soak is not meant for it. */
export function memberEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === "LOCKKEEPER_DIST" || !/^(LOCKKEEPER_|DUCKDB_PATH$)/.test(name),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

/**
 * A process that lives through the whole soak: after a kill it is started again, under its next life. Each life has a process group of its own, so that
 * Ctrl-C reaches the driver alone.
 *
 * @param {Scene} scene
 * @param {{ name: string, script: string, what: Record<string, unknown> }} member `what` is given to the script as JSON, with seed, life and logs
 */
export function createMember(scene, { name, script, what }) {
  const state = {
    life: -1,
    ending: false,
    killed: false,
    child: /** @type {import("node:child_process").ChildProcess | undefined} */ (undefined),
  };
  /** @type {Set<(message: any) => void>} */
  const listeners = new Set();

  function start() {
    const life = ++state.life;
    state.killed = false;
    const errors = openSync(join(scene.logs, `${name}.${life}.stderr`), "a");
    const given = JSON.stringify({ seed: scene.seed, member: name, life, logs: scene.logs, ...what });
    const child = spawn(process.execPath, [script, given], {
      stdio: ["ignore", errors, errors, "ipc"],
      env: memberEnvironment(),
      detached: process.platform !== "win32",
    });
    closeSync(errors);
    state.child = child;
    child.on("message", (message) => {
      for (const listener of listeners) listener(message);
    });
    child.once("exit", (code, signal) => {
      scene.log({ event: "ended", process: name, life, code, signal });
      state.child = undefined;
      if (state.ending) return;
      if (state.killed) start();
      else scene.giveUp(`${name} ended by itself, with ${signal ?? `exit ${code}`}`);
    });
  }

  /**
   * The next message that is wanted, or `undefined` when `signal` aborts.
   *
   * @param {(message: any) => boolean} wanted
   * @param {AbortSignal} signal
   */
  function nextMessage(wanted, signal) {
    return new Promise((resolve) => {
      const stop = () => {
        listeners.delete(listen);
        signal.removeEventListener("abort", stop);
        resolve(undefined);
      };
      /** @param {any} told */
      const listen = (told) => {
        if (!wanted(told)) return;
        resolve(told);
        stop();
      };
      listeners.add(listen);
      signal.addEventListener("abort", stop);
      if (signal.aborted) stop();
    });
  }

  return {
    name,
    start,
    nextMessage,
    /** SIGKILL; the next life begins at once. */
    kill() {
      if (state.child === undefined || state.ending) return;
      state.killed = true;
      scene.log({ event: "killed", process: name, life: state.life });
      state.child.kill("SIGKILL");
    },
    /** SIGSTOP, which a kill ends, too. */
    halt() {
      if (state.child === undefined) return;
      scene.log({ event: "stopped", process: name, life: state.life });
      state.child.kill("SIGSTOP");
    },
    resume() {
      state.child?.kill("SIGCONT");
    },
    /** Asks it to end, and waits for that. */
    async end() {
      state.ending = true;
      const { child } = state;
      if (child === undefined) return;
      const exited = once(child, "exit");
      child.kill("SIGCONT");
      if (child.connected) child.send({ stop: true }, () => undefined);
      const timer = setTimeout(() => child.kill("SIGKILL"), endTimeoutMs);
      await exited;
      clearTimeout(timer);
    },
    /** Ends it at once, whatever it does. */
    destroy() {
      state.ending = true;
      state.child?.kill("SIGKILL");
    },
  };
}

/** @typedef {ReturnType<typeof createMember>} Member */
