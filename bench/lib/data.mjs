// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findParquet } from "../../examples/flights/demo/parquet.mjs";

const etl = fileURLToPath(new URL("../../examples/flights/etl.mjs", import.meta.url));

/**
 * Builds the example's flights database at `path`.
 *
 * @param {string} path
 * @param {number} months
 */
export async function buildFlights(path, months) {
  const child = spawn(process.execPath, [etl, "--months", String(months), "--data", findParquet(undefined)], {
    env: { ...process.env, DUCKDB_PATH: path },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the ETL ended with exit ${code}`);
}

/**
 * A workspace with one store, `flights` in `<folder>/flights`, with the checks the example has.
 *
 * @param {string} folder
 * @returns {string} path of its configuration
 */
export function writeConfiguration(folder) {
  const path = join(folder, "lockkeeper.toml");
  writeFileSync(
    path,
    `format = 1
[stores.flights]
kind = "release"
dir = "flights"
layout = "slots"
basename = "flights"
checks = [
  { check = "tables", names = ["flights", "monthly", "airports"] },
  { check = "rows", table = "flights", min = 500000 },
]
`,
  );
  return path;
}
