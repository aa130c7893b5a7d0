// @ts-check
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { canRun, pathFolders } from "../../lib/programs.mjs";

/** The environment that `node scripts/python-environment.mjs dbt` makes in a clone. */
const own = fileURLToPath(new URL("../../../.python-dbt", import.meta.url));

/** @typedef {{ program: string, env: NodeJS.ProcessEnv }} Dbt `env`: what it needs beside the process's own */

/**
 * dbt on this machine: the one that was asked for, that of a clone's `.python-dbt`, or the one on the path.
 *
 * @param {string} [asked] a program
 * @returns {Dbt | { why: string }} `why` there is none
 */
export function findDbt(asked) {
  const folders = pathFolders();
  const places = asked === undefined ? [join(own, "bin"), ...folders].map((folder) => join(folder, "dbt")) : [resolve(asked)];
  const program = places.find(canRun);
  if (program === undefined) return { why: asked === undefined ? "there is no dbt on the path" : `there is no program ${asked}` };
  const extensions = program === join(own, "bin", "dbt") ? { DUCKDB_EXTENSIONS: join(own, "duckdb-extensions") } : {};
  return { program, env: { PATH: [dirname(program), ...folders].join(delimiter), ...extensions } };
}
