// @ts-check
import { fileURLToPath } from "node:url";
import { createMember } from "./member.mjs";

/**
 * A reader, and how long it pauses between two requests, in milliseconds.
 *
 * @typedef {{
 *   name: string,
 *   options: { freshness: "strict" | "eventual", pollMs: number, waitMs: number, drainTimeoutMs?: number },
 *   pauseMs: readonly [low: number, high: number],
 * }} ReaderPlan
 */

const waitMs = 5000;

/**
 * Two readers in each of four processes, of different habits: always busy; one that lags on purpose and one that idles; both stopped now and then; both opened
 * and closed all the time.
 *
 * @type {Record<"busy" | "calm" | "halted" | "passing", { passing: boolean, readers: ReaderPlan[] }>}
 */
const readerProcesses = {
  busy: {
    passing: false,
    readers: [
      { name: "busy.a", options: { freshness: "strict", pollMs: 1000, waitMs }, pauseMs: [5, 60] },
      { name: "busy.b", options: { freshness: "strict", pollMs: 50, waitMs }, pauseMs: [5, 60] },
    ],
  },
  calm: {
    passing: false,
    readers: [
      { name: "calm.lagging", options: { freshness: "eventual", pollMs: 100, waitMs }, pauseMs: [10, 80] },
      { name: "calm.idle", options: { freshness: "strict", pollMs: 500, waitMs }, pauseMs: [1500, 4000] },
    ],
  },
  halted: {
    passing: false,
    readers: [
      { name: "halted.a", options: { freshness: "strict", pollMs: 200, waitMs }, pauseMs: [5, 60] },
      { name: "halted.b", options: { freshness: "strict", pollMs: 1000, waitMs, drainTimeoutMs: 500 }, pauseMs: [5, 150] },
    ],
  },
  passing: {
    passing: true,
    readers: [
      { name: "passing.a", options: { freshness: "strict", pollMs: 1000, waitMs }, pauseMs: [5, 60] },
      { name: "passing.b", options: { freshness: "eventual", pollMs: 10, waitMs }, pauseMs: [5, 60] },
    ],
  },
};

/**
 * Everybody who is there from the beginning to the end. Nobody is started yet.
 *
 * @param {import("./member.mjs").Scene} scene
 */
export function createCrew(scene) {
  const { config, store, dir, basename } = scene;
  const publisher = createMember(scene, { name: "publisher", script: scriptOf("publisher"), what: { config, store } });
  const entries = Object.entries(readerProcesses);
  const readers = entries.map(([name, plan]) =>
    createMember(scene, { name, script: scriptOf("reader"), what: { dir, basename, ...plan } }),
  );
  return { publisher, readers };
}

/** @typedef {ReturnType<typeof createCrew>} Crew */

/** @param {string} name */
function scriptOf(name) {
  return fileURLToPath(new URL(`../members/${name}.mjs`, import.meta.url));
}
