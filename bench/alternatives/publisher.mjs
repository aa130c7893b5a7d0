// @ts-check
/**
 * A publisher in a process of its own: `node publisher.mjs WAY FOLDER SOURCE`, where SOURCE is a source as JSON. Told a number, it builds and
 * publishes that, and tells how long each step took.
 */
import { builderOf } from "./measure.mjs";
import { openPublisher, ways } from "./ways.mjs";

/**
 * `buildMs` is the build's own time; `phasesMs` are the steps after it, where the publisher names any.
 * @typedef {{ at?: number, error?: string, buildMs: number, wholeMs: number, phasesMs: Record<string, number> }} Published
 */

const [name = "", folder = "", source = ""] = process.argv.slice(2);
const way = ways.find((one) => one.name === name);
if (!way) throw new Error(`there is no way named ${name}`);
const build = builderOf(way, JSON.parse(source));
const publisher = await openPublisher(way, folder);
process.on("message", (/** @type {number} */ number) => void publish(number).then((published) => process.send?.(published)));
process.once("disconnect", () => process.exit(0));

/**
 * @param {number} number
 * @returns {Promise<Published>}
 */
async function publish(number) {
  const startedAt = performance.now();
  let buildMs = 0;
  /** @type {{ phase: string, at: number }[]} */
  const phases = [];
  try {
    const at = await publisher.publish(
      async (target) => {
        const buildingAt = performance.now();
        await build(target, number);
        buildMs = performance.now() - buildingAt;
      },
      (phase) => phases.push({ phase, at: performance.now() }),
    );
    const endedAt = performance.now();
    const phasesMs = Object.fromEntries(phases.map((one, index) => [one.phase, (phases[index + 1]?.at ?? endedAt) - one.at]));
    return { at, buildMs, wholeMs: endedAt - startedAt, phasesMs };
  } catch (error) {
    return { error: String(error), buildMs, wholeMs: performance.now() - startedAt, phasesMs: {} };
  }
}
