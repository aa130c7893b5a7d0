// @ts-check
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { whole } from "../../lib/screen.mjs";
import { assertExit, firstAnswer, seconds } from "../../lib/steps.mjs";
import { cli } from "./stores.mjs";

/** @typedef {"switched" | "failed" | "refused" | "rolled-back"} Outcome */
/**
 * @typedef {object} Step
 * @property {Outcome} outcome
 * @property {string} store
 * @property {number} week that the build was to hold, or that the release rolled back to holds
 * @property {string} [release] active afterwards
 * @property {number} [version] active afterwards
 * @property {number} ms
 * @property {number} [firstAnswerMs] from the manifest's replacement to the first answer of the new version
 */
/** @typedef {import("../../lib/children.mjs").Ended & { ms: number }} Done */
/** @typedef {{ announce: (store: string, release: string, week: number) => void, reached: (store: string, version: number) => Promise<{ firstAnswerMs: number }> }} Audience */
/** @typedef {{ filings: string, cutOff: string, lacking: string }} Sources folders: the filings, with a file that ends too early, and without the first quarter */
/** @typedef {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, screen: ReturnType<typeof import("../../lib/screen.mjs").createScreen>,
 *   folder: string, stores: import("./stores.mjs").Store[], sources: Sources, rows: Record<number, number>, env: NodeJS.ProcessEnv }} Stage `rows`: holdings by week */

const untouched = "the manifest is byte for byte what it was, the app serves on";

/** The operations of the story: each runs what an operator or a scheduler would, tells what happened, and insists on it. */
export class Story {
  /** @type {Step[]} */
  steps = [];
  /** @readonly @type {Stage} */
  #stage;
  /** @readonly @type {Map<string, { store: string, release: string, week: number }>} by store and release */
  #published = new Map();
  /** @type {Audience | undefined} */
  #audience;

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  /**
   * From now on somebody watches: hears what releases hold, and is waited for after each switch.
   *
   * @param {Audience} audience
   */
  join(audience) {
    this.#audience = audience;
    for (const { store, release, week } of this.#published.values()) audience.announce(store, release, week);
  }

  /**
   * Builds a store with the filings up to a week, and waits until the load has seen the new version.
   *
   * @param {string} name
   * @param {number} week
   */
  async build(name, week) {
    const { screen, sources, rows } = this.#stage;
    const store = this.#store(name);
    const command = store.build(week);
    const done = await this.#run(command, sources.filings);
    assertExit(command.shown, done, 0);
    const { release, version } = store.releaseOf(done.stdout);
    const seen = await this.#switched({ store: name, release, version, week });
    this.steps.push({ outcome: "switched", store: name, week, release, version, ms: done.ms, ...seen });
    screen.good(
      `${name} serves ${release}, version ${version}: ${whole(rows[week] ?? 0)} holdings, built in ${seconds(done.ms)}${firstAnswer(seen)}`,
    );
  }

  /**
   * The source is cut off: the ETL of each store fails, and nothing changes.
   *
   * @param {number} week
   */
  async cutOff(week) {
    const { screen, stores, sources } = this.#stage;
    screen.line("\n  The newest file of the filings was cut off on the way. Every ETL fails at it.");
    for (const { name } of stores) {
      await this.#mustFail("failed", { name, week, source: sources.cutOff, exit: 1 });
      screen.good(`exit 1: ${untouched}`);
    }
  }

  /**
   * A quarter is missing at the source: the ETL runs through, and a check refuses what it made.
   *
   * @param {number} week
   */
  async lackQuarter(week) {
    const { screen, sources } = this.#stage;
    screen.line("\n  A quarter is missing among the filings. The ETL does not notice.");
    const { stdout } = await this.#mustFail("refused", { name: "by_publish", week, source: sources.lacking, exit: 3 });
    const { outcome, checks } = JSON.parse(stdout);
    const failed = checks.find((/** @type {{ status: string }} */ check) => check.status === "fail");
    if (outcome !== "refused" || failed?.check !== "rows")
      throw new Error(`the build that lacks a quarter was not refused by its check: ${stdout}`);
    screen.good(`the check "rows" refused it (exit 3): ${failed.observed}, expected ${failed.expected}`);
    screen.line(`    ${untouched}`);
  }

  /** Goes back to the release before the active one, and waits until the load has seen it. */
  async rollback() {
    const name = "by_publish";
    const words = ["rollback", name, "--reason", "the last week looks wrong"];
    this.#stage.screen.line();
    const done = await this.#run({
      shown: `lockkeeper rollback ${name} --reason "the last week looks wrong"`,
      program: process.execPath,
      args: [cli, ...words, "--json"],
    });
    assertExit("rollback", done, 0);
    const { release, version } = JSON.parse(done.stdout);
    const { week } = this.#published.get(`${name} ${release}`) ?? { week: 0 };
    const seen = await this.#switched({ store: name, release, version, week });
    this.steps.push({ outcome: "rolled-back", store: name, week, release, version, ms: done.ms, ...seen });
    this.#stage.screen.good(`${release} (week ${week}) serves again, as version ${version}${firstAnswer(seen)}`);
  }

  /** @param {{ store: string, release: string, version: number, week: number }} published */
  async #switched({ store, release, version, week }) {
    if (!release || !Number.isInteger(version)) throw new Error(`the build of ${store} did not say which release it made`);
    this.#published.set(`${store} ${release}`, { store, release, week });
    this.#audience?.announce(store, release, week);
    return await this.#audience?.reached(store, version);
  }

  /**
   * A build that must end badly, and change nothing.
   *
   * @param {Outcome} outcome
   * @param {{ name: string, week: number, source: string, exit: number }} build
   */
  async #mustFail(outcome, { name, week, source, exit }) {
    const manifest = () => readFileSync(join(this.#stage.folder, "data", name, "db_manifest.json"));
    const before = manifest();
    const command = this.#store(name).build(week);
    const done = await this.#run(command, source);
    assertExit(command.shown, done, exit);
    if (!manifest().equals(before)) throw new Error(`the manifest changed though the build was ${outcome}`);
    this.steps.push({ outcome, store: name, week, ms: done.ms });
    return done;
  }

  /** @param {string} name */
  #store(name) {
    const store = this.#stage.stores.find((one) => one.name === name);
    if (!store) throw new Error(`there is no store ${name}`);
    return store;
  }

  /**
   * @param {import("./stores.mjs").Command} command
   * @param {string} [filings]
   * @returns {Promise<Done>}
   */
  async #run({ shown, program, args }, filings) {
    const { children, screen, folder, env } = this.#stage;
    screen.command(shown);
    const startedAt = performance.now();
    const ended = await children.run(args, { cwd: folder, env: { ...env, ...(filings && { FILINGS: filings }) }, program });
    return { ...ended, ms: Math.round(performance.now() - startedAt) };
  }
}

/**
 * The order of events after the first week: one store each week, all of them in the last one; in between the source fails twice, and
 * at the end a release is rolled back and published again.
 *
 * @param {Story} story
 * @param {{ stores: string[], weeks: number }} options
 */
export async function tell(story, { stores, weeks }) {
  /** @param {number} share */
  const weekAt = (share) => Math.max(2, Math.round(weeks * share));
  for (let week = 2; week <= weeks; week++) {
    if (week === weekAt(0.35)) await story.cutOff(week);
    if (week === weekAt(0.65)) await story.lackQuarter(week);
    const [turn = ""] = stores.slice(week % stores.length);
    for (const store of week === weeks ? stores : [turn]) await story.build(store, week);
  }
  await story.rollback();
  await story.build("by_publish", weeks);
}
