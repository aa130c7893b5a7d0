// @ts-check
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ordersMax } from "../lib/choices.mjs";
import { openLog, readLogs } from "../lib/lines.mjs";
import { chaos } from "./chaos.mjs";
import { createCrew } from "./crew.mjs";
import { pauseUnless } from "./pause.mjs";
import { createVisitors } from "./visitors.mjs";

/** @typedef {import("./member.mjs").Scene} Scene */

const store = "soak";
const basename = "DB";

/** What the first and the last release hold. */
const first = { tag: 8_000_001, orders: 100, items: 200 };
const last = { tag: 8_000_002, orders: 200, items: 100 };

/**
 * Runs a soak in a folder and returns what everybody wrote down, with the store's own history. `interrupted` ends it early, in order.
 *
 * @param {{ folder: string, seed: string, minutes: number, interrupted: AbortSignal, onBegun: () => void }} options
 * `onBegun` is called when everybody is at work
 */
export async function soak({ folder, seed, minutes, interrupted, onBegun }) {
  const early = new AbortController();
  const over = AbortSignal.any([early.signal, interrupted]);
  const scene = sceneIn(folder, { seed, over, giveUp: (reason) => early.abort(reason) });
  const crew = createCrew(scene);
  const visitors = createVisitors(scene);
  const everybody = [crew.publisher, ...crew.readers];
  try {
    await visitors.publish(first, { waits: true });
    await begin(scene, crew);
    onBegun();
    const around = Promise.all([chaos(scene, crew), visitors.comeBy()]);
    await pauseUnless(over, minutes * 60_000);
    early.abort("the time is up");
    await around;
    await crew.publisher.end();
    await settle(scene, visitors);
    await Promise.all(crew.readers.map((reader) => reader.end()));
  } finally {
    for (const member of everybody) member.destroy();
  }
  return { lines: readLogs(scene.logs), history: historyOf(scene) };
}

/**
 * @param {string} folder
 * @param {Pick<Scene, "seed" | "over" | "giveUp">} rest
 * @returns {Scene}
 */
function sceneIn(folder, rest) {
  const logs = join(folder, "logs");
  const config = join(folder, "lockkeeper.toml");
  mkdirSync(logs, { recursive: true });
  writeFileSync(
    config,
    `format = 1

[stores.${store}]
kind = "release"
dir = "store"
layout = "slots"
basename = "${basename}"
checks = [
  { check = "tables", names = ["orders", "items", "build"] },
  { check = "rows", table = "orders", min = 1, max = ${ordersMax} },
]
`,
  );
  return { ...rest, logs, config, store, dir: join(folder, "store"), basename, log: openLog(logs, "driver", 0) };
}

/**
 * Readers first: what they have open at rest is measured before anything is published beside them.
 *
 * @param {Scene} scene
 * @param {import("./crew.mjs").Crew} crew
 */
async function begin(scene, { publisher, readers }) {
  const ready = readers.map((reader) => reader.nextMessage((message) => message.ready === true, scene.over));
  for (const reader of readers) reader.start();
  await Promise.all(ready);
  publisher.start();
}

/**
 * The store is taken under care, should it be foreign, and a last release is published: the command after any kill works, and it completes the history.
 *
 * @param {Scene} scene
 * @param {import("./visitors.mjs").Visitors} visitors
 */
async function settle(scene, visitors) {
  const manifest = JSON.parse(readFileSync(join(scene.dir, "db_manifest.json"), "utf8"));
  if (manifest.digest === undefined) await visitors.adopt();
  await visitors.publish(last, { waits: true });
}

/**
 * @param {Scene} scene
 * @returns {import("../checker/facts.mjs").HistoryLine[]}
 */
function historyOf(scene) {
  const text = readFileSync(join(scene.dir, ".lockkeeper", "history.jsonl"), "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
