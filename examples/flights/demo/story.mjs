// @ts-check
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { whole } from "../../lib/screen.mjs";
import { assertExit, firstAnswer, seconds } from "../../lib/steps.mjs";

/** @typedef {"switched" | "crashed" | "refused" | "killed" | "rolled-back"} Outcome */
/**
 * @typedef {object} Step
 * @property {Outcome} outcome
 * @property {number} months that the build was to hold, or that the release rolled back to holds
 * @property {string} [release] active afterwards
 * @property {number} [version] active afterwards
 * @property {number} ms
 * @property {number} [switchMs] that the publisher held the writer lock until the manifest was acknowledged
 * @property {number} [firstAnswerMs] from the manifest's replacement to the first answer of the new version
 */
/** @typedef {import("../../lib/children.mjs").Ended & { ms: number }} Done */
/** @typedef {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, screen: ReturnType<typeof import("../../lib/screen.mjs").createScreen>,
 *   folder: string, storeDir: string, env: NodeJS.ProcessEnv }} Stage */
/** @typedef {{ announce: (release: string, months: number) => void, reached: (version: number) => Promise<{ firstAnswerMs: number }> }} Audience */

/** The command line of this installation. */
export const cli = fileURLToPath(new URL("../../../dist/bin/lockkeeper.js", import.meta.url));
const etl = fileURLToPath(new URL("../etl.mjs", import.meta.url));

const untouched = "the manifest is byte for byte what it was, the app serves on";

/** The operations of the story: each runs the command line as an operator would, tells what happened, and insists on it. */
export class Story {
  /** @type {Step[]} */
  steps = [];
  /** How often the ETL ran, and how often it, or the publish around it, got no lock. */
  etl = { runs: 0, locked: 0 };
  /** @readonly @type {Stage} */
  #stage;
  /** @readonly @type {Map<string, number>} months by release */
  #monthsOf = new Map();
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
    for (const [release, months] of this.#monthsOf) audience.announce(release, months);
  }

  /**
   * Publishes the months 1..n and waits until the load has seen the new version.
   *
   * @param {number} months
   */
  async publish(months) {
    const done = await this.#publish(months, { fault: "none" });
    assertExit("publish", done, 0);
    const { release, version, tables, switchMs } = JSON.parse(done.stdout);
    this.#monthsOf.set(release, months);
    this.#audience?.announce(release, months);
    const seen = await this.#audience?.reached(version);
    this.steps.push({ outcome: "switched", months, release, version, ms: done.ms, switchMs, ...seenAfter(seen) });
    const rows = tables.find((/** @type {{ name: string }} */ table) => table.name === "flights")?.rows ?? 0;
    this.#stage.screen.good(
      `${release}, version ${version}: ${whole(rows)} flights, built and checked in ${seconds(done.ms)}${firstAnswer(seen)}`,
    );
  }

  /** @param {number} months */
  async crash(months) {
    await this.#mustFail("crashed", { months, fault: "crash", exit: 1 });
    this.#stage.screen.good(`the ETL crashed half way (exit 1): ${untouched}`);
  }

  /** @param {number} months */
  async refuse(months) {
    const { stdout } = await this.#mustFail("refused", { months, fault: "lose-rows", exit: 3 });
    const { outcome, checks } = JSON.parse(stdout);
    const failed = checks.find((/** @type {{ status: string }} */ check) => check.status === "fail");
    if (outcome !== "refused" || failed?.check !== "rows") {
      throw new Error(`the build that lost rows was not refused by its check: ${stdout}`);
    }
    const { screen } = this.#stage;
    screen.good(`the ETL lost rows, and the check "rows" refused it (exit 3): ${failed.observed}, expected ${failed.expected}`);
    screen.line(`    ${untouched}`);
  }

  /** @param {number} months */
  async kill(months) {
    /** @type {number | undefined} */
    let killed;
    const onLine = (/** @type {string} */ line) => {
      const pid = /etl (\d+): waiting for the source/.exec(line)?.[1];
      if (pid === undefined || killed !== undefined) return;
      killed = Number(pid);
      this.#stage.screen.line(`    the ETL hangs; kill -9 ${pid}`);
      process.kill(killed, "SIGKILL");
    };
    await this.#mustFail("killed", { months, fault: "hang", exit: 1, onLine });
    if (killed === undefined) throw new Error("the ETL never said that it waits; it was not killed");
    this.#stage.screen.good(`the ETL was killed (exit 1), its lock died with it: ${untouched}`);
  }

  /** Goes back to the release before the active one, and waits until the load has seen it. */
  async rollback() {
    this.#stage.screen.command('lockkeeper rollback flights --reason "delays look wrong"');
    const done = await this.#lockkeeper(["rollback", "flights", "--reason", "delays look wrong"]);
    assertExit("rollback", done, 0);
    const { release, version } = JSON.parse(done.stdout);
    const seen = await this.#audience?.reached(version);
    const months = this.#monthsOf.get(release) ?? 0;
    this.steps.push({ outcome: "rolled-back", months, release, version, ms: done.ms, ...seenAfter(seen) });
    this.#stage.screen.good(`${release} (${months} months) serves again, as version ${version}${firstAnswer(seen)}`);
  }

  /**
   * A build that must end badly, and change nothing.
   *
   * @param {Outcome} outcome
   * @param {{ months: number, fault: string, exit: number, onLine?: (line: string) => void }} build
   */
  async #mustFail(outcome, { months, exit, ...build }) {
    const manifest = () => readFileSync(join(this.#stage.storeDir, "db_manifest.json"));
    const before = manifest();
    const done = await this.#publish(months, build);
    assertExit(`publish with --fault ${build.fault}`, done, exit);
    if (!manifest().equals(before)) throw new Error(`the manifest changed though the build was ${outcome}`);
    this.steps.push({ outcome, months, ms: done.ms });
    return done;
  }

  /**
   * @param {number} months
   * @param {{ fault: string, onLine?: (line: string) => void }} build
   */
  async #publish(months, { fault, onLine }) {
    const options = ["--months", String(months), ...(fault === "none" ? [] : ["--fault", fault])];
    this.#stage.screen.command(`lockkeeper publish flights -- node etl.mjs ${options.join(" ")}`);
    const done = await this.#lockkeeper(["publish", "flights", "--json", "--", process.execPath, etl, ...options], onLine);
    this.etl.runs += 1;
    if (/could not set lock|_LOCKED/i.test(done.stderr)) this.etl.locked += 1;
    return done;
  }

  /**
   * @param {string[]} args
   * @param {(line: string) => void} [onLine] of stderr, where a build's output goes
   * @returns {Promise<Done>}
   */
  async #lockkeeper(args, onLine) {
    const { children, folder, env } = this.#stage;
    const words = args.includes("--json") ? args : [...args, "--json"];
    const startedAt = performance.now();
    const ended = await children.run([cli, ...words], { cwd: folder, env, ...(onLine && { onLine }) });
    return { ...ended, ms: Math.round(performance.now() - startedAt) };
  }
}

/**
 * The order of events over `last` months: a month more at each release, and between them everything that goes wrong.
 *
 * @param {Story} story
 * @param {number} last at least 3
 */
export async function tell(story, last) {
  await story.publish(2);
  await story.crash(3);
  await story.publish(3);
  await story.refuse(Math.min(4, last));
  if (last > 3) await story.publish(4);
  await story.rollback();
  await story.publish(Math.min(4, last));
  await story.kill(Math.min(5, last));
  for (let months = 5; months <= last; months++) await story.publish(months);
}

/** @param {{ firstAnswerMs: number } | undefined} seen */
function seenAfter(seen) {
  return seen && { firstAnswerMs: seen.firstAnswerMs };
}
