// @ts-check
import { fileURLToPath } from "node:url";

/** The command line of this installation. */
export const cli = fileURLToPath(new URL("../../../dist/bin/lockkeeper.js", import.meta.url));
/** Where `lockkeeper.py` is. */
export const pythonClient = fileURLToPath(new URL("../../../clients/python", import.meta.url));

/** @typedef {{ shown: string, program: string, args: string[] }} Command `shown`: as one types it */
/** @typedef {{ name: string, how: string, build: (week: number) => Command, releaseOf: (stdout: string) => { release: string, version: number } }} Store */

/**
 * The three stores, and how each is built for a week.
 *
 * @param {string | undefined} python
 * @returns {Store[]}
 */
export function storesOf(python) {
  const script = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
  /**
   * @param {string} store
   * @param {number} week
   * @param {boolean} inPython
   * @returns {Command}
   */
  const published = (store, week, inPython) => {
    const [shown, runs, file] = inPython && python ? ["python3", python, "etl.py"] : ["node", process.execPath, "etl.mjs"];
    return {
      shown: `lockkeeper publish ${store} -- ${shown} ${file} --week ${week}`,
      program: process.execPath,
      args: [cli, "publish", store, "--json", "--", runs, script(file), "--week", String(week)],
    };
  };
  /**
   * @param {{ name: string, file: string, how: string, releaseOf: Store["releaseOf"] }} store
   * @returns {Store}
   */
  const ofPython = ({ name, file, how, releaseOf }) => {
    if (!python) {
      const instead = "etl.mjs, run by `lockkeeper publish`, for want of Python";
      return { name, how: instead, build: (week) => published(name, week, false), releaseOf: fromDocument };
    }
    const build = (/** @type {number} */ week) => ({
      shown: `python3 ${file} --week ${week}`,
      program: python,
      args: [script(file), "--week", String(week)],
    });
    return { name, how, build, releaseOf };
  };

  return [
    {
      name: "by_publish",
      how: python ? "etl.mjs and etl.py in turn, run by `lockkeeper publish`" : "etl.mjs, run by `lockkeeper publish`",
      build: (week) => published("by_publish", week, week % 2 === 0),
      releaseOf: fromDocument,
    },
    ofPython({
      name: "by_commit",
      file: "etl_build.py",
      how: "etl_build.py: `lockkeeper build begin`, then `build commit`",
      releaseOf: (stdout) => {
        const [, release = "", version] = /: (\S+) is version (\d+)/.exec(stdout) ?? [];
        return { release, version: Number(version) };
      },
    }),
    ofPython({
      name: "by_manifest",
      file: "etl_follow.py",
      how: "etl_follow.py: Python alone writes the other slot and the manifest",
      releaseOf: (stdout) => {
        const [, slot = "", version] = /: slot ([ab]) is version (\d+)/.exec(stdout) ?? [];
        // What readers call a release that another program published.
        return { release: `v${version}-${slot}`, version: Number(version) };
      },
    }),
  ];
}

/** @type {Store["releaseOf"]} */
function fromDocument(stdout) {
  const { release, version } = JSON.parse(stdout);
  return { release, version };
}
