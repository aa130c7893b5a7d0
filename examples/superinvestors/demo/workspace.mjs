// @ts-check
import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generate } from "../filings/generate.mjs";
import { cli, pythonClient } from "./stores.mjs";

/** Bytes that the file which was cut off has lost. */
const cutOffBytes = 100;

/**
 * A workspace as somebody would set it up by hand: the configuration of this example with its check, the filings, and `lockkeeper` on
 * the path. Beside the filings lie two sources with a fault, of the same files but one.
 *
 * @param {string} folder
 * @param {keyof typeof import("../filings/generate.mjs").sizes} size
 */
export async function makeWorkspace(folder, size) {
  for (const name of ["lockkeeper.toml", "checks"]) {
    cpSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(folder, name), { recursive: true });
  }
  const shim = join(folder, "bin", "lockkeeper");
  mkdirSync(join(folder, "bin"));
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(shim, 0o755);

  const filings = join(folder, "filings");
  const generated = await generate({ size, out: filings });
  const [first, last] = [generated.quarters.at(0) ?? "", generated.quarters.at(-1) ?? ""];
  const cutOff = copyOf(filings, join(folder, "filings-cut-off"), last);
  const file = join(cutOff, "filings", `${last}.parquet`);
  copyFileSync(join(filings, "filings", `${last}.parquet`), file);
  truncateSync(file, Math.max(1, statSync(file).size - cutOffBytes));
  const lacking = copyOf(filings, join(folder, "filings-lacking"), first);
  return { generated, last, sources: { filings, cutOff, lacking } };
}

/**
 * The environment of everything that the demo starts: neither the app's fallback nor another configuration may step in.
 *
 * @param {string} folder
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentOf(folder) {
  const env = { ...process.env, PYTHONPATH: pythonClient, PYTHONDONTWRITEBYTECODE: "1" };
  for (const name of ["DUCKDB_PATH", "LOCKKEEPER_CONFIG", "TR_05_DB", "STORE", "FILINGS"]) Reflect.deleteProperty(env, name);
  return { ...env, PATH: [join(folder, "bin"), process.env["PATH"] ?? ""].join(delimiter) };
}

/**
 * The same files under another folder, without one quarter.
 *
 * @param {string} source
 * @param {string} target
 * @param {string} without
 */
function copyOf(source, target, without) {
  mkdirSync(join(target, "filings"), { recursive: true });
  for (const name of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".parquet") && !name.endsWith(`${without}.parquet`)) linkSync(join(source, name), join(target, name));
  }
  return target;
}
