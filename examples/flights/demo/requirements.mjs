// @ts-check
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Raised where the demo cannot start; `hint` says what to do. */
export class DemoError extends Error {
  /**
   * @param {string} code one of Lockkeeper's error codes
   * @param {string} message
   * @param {{ exit: number, hint?: string }} details
   */
  constructor(code, message, { exit, hint }) {
    super(message);
    this.code = code;
    this.exit = exit;
    this.hint = hint;
  }
}

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

/** The example app is written with Hono, which Lockkeeper itself does not need. */
export function requireHono() {
  const require = createRequire(import.meta.url);
  for (const name of ["hono", "@hono/node-server"]) {
    try {
      require.resolve(name);
    } catch {
      throw new DemoError("FILE_MISSING", `the demo's app needs the npm package ${name}, which is not installed`, {
        exit: 10,
        hint: "Run `npm install hono @hono/node-server` where Lockkeeper is installed.",
      });
    }
  }
}

function packagedParquet() {
  try {
    return fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
  } catch {
    return undefined;
  }
}
