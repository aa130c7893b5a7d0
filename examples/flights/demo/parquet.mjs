// @ts-check
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DemoError } from "../../lib/requirements.mjs";

/**
 * The Parquet file to publish: `given`, else the one in the npm package `vega-datasets`. Nothing is made up where it is missing.
 *
 * @param {string | undefined} given
 * @returns {string} absolute path
 */
export function findParquet(given) {
  const path = given === undefined ? packagedParquet() : resolve(given);
  if (path !== undefined && existsSync(path)) return path;
  const message =
    given === undefined
      ? "the demo's data is not here: flights-3m.parquet of the npm package vega-datasets"
      : `there is no file ${path}`;
  throw new DemoError("FILE_MISSING", message, {
    exit: 10,
    hint: "Run `npm install vega-datasets@3` where Lockkeeper is installed, or name a copy: lockkeeper demo --data flights-3m.parquet",
  });
}

function packagedParquet() {
  try {
    return fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
  } catch {
    return undefined;
  }
}
