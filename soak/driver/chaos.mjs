// @ts-check
/** Who is killed or stopped, and when: chosen by the seed, but for what the processes do just then. */
import { randomFrom } from "../lib/random.mjs";
import { pauseUnless } from "./pause.mjs";

/** @typedef {import("./member.mjs").Scene} Scene */
/** @typedef {import("./member.mjs").Member} Member */

/** A publisher that is to be killed in a phase that does not come is let go after this. Milliseconds. */
const phaseTimeoutMs = 10_000;

/**
 * Kills and stops members until the soak is over.
 *
 * @param {Scene} scene
 * @param {import("./crew.mjs").Crew} crew
 */
export async function chaos(scene, { publisher, readers }) {
  const named = (/** @type {string} */ name) => readers.filter((reader) => reader.name === name);
  const killable = [...named("halted"), ...named("passing")];
  await Promise.all([
    killPublishers(scene, publisher),
    killReaders(scene, killable),
    ...named("halted").map((reader) => haltReader(scene, reader)),
  ]);
}

/**
 * After some publishes, at any time or a few milliseconds after a phase has begun: most phases are so short that chance alone would hardly meet them.
 * Publishes are counted, not seconds: on a busy machine a process takes seconds to start.
 *
 * @param {Scene} scene
 * @param {Member} publisher
 */
async function killPublishers(scene, publisher) {
  const random = randomFrom(`${scene.seed} kills of publishers`);
  for (;;) {
    const publishes = random.between(1, 10);
    const phase = random.pick({ any: 4, build: 2, seal: 2, check: 2, install: 5, switch: 5 });
    const delayMs = random.fraction() * (phase === "install" || phase === "switch" ? 8 : 100);
    for (let count = 0; count < publishes; count += 1)
      await publisher.nextMessage(({ phase: told }) => told === "begin", scene.over);
    if (phase !== "any") {
      const timeout = AbortSignal.any([scene.over, AbortSignal.timeout(phaseTimeoutMs)]);
      await publisher.nextMessage(({ phase: told }) => told === phase, timeout);
    }
    if (!(await pauseUnless(scene.over, delayMs))) return;
    publisher.kill();
  }
}

/**
 * @param {Scene} scene
 * @param {readonly Member[]} readers
 */
async function killReaders(scene, readers) {
  const random = randomFrom(`${scene.seed} kills of readers`);
  while (await pauseUnless(scene.over, random.between(4000, 12_000))) readers[random.between(0, readers.length - 1)]?.kill();
}

/**
 * @param {Scene} scene
 * @param {Member} reader
 */
async function haltReader(scene, reader) {
  const random = randomFrom(`${scene.seed} halts of ${reader.name}`);
  while (await pauseUnless(scene.over, random.between(1500, 6000))) {
    reader.halt();
    await pauseUnless(scene.over, random.between(100, 2500));
    reader.resume();
  }
}
