// @ts-check
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("publish-once.mjs", import.meta.url));
const calls = "fsync,fdatasync,rename,renameat,renameat2,mkdir";

/**
 * What a publish has made durable, read from its system calls: the data, the pointer or manifest that names them, and the folder, without which
 * the rename itself may be lost.
 *
 * @param {import("./ways.mjs").Way} way
 * @param {{ source: import("./data.mjs").Source, home: string }} setting
 * @returns {string}
 */
export function syncedBy(way, { source, home }) {
  const trace = join(home, "trace");
  const { status, error, stderr } = spawnSync(
    "strace",
    ["-f", "-y", "-e", `trace=${calls}`, "-o", trace, process.execPath, script, way.name, home, JSON.stringify(source)],
    { encoding: "utf8" },
  );
  if (error) return "not probed: no strace";
  if (status !== 0) throw new Error(`${way.name}, one publish under strace ended with exit ${status}: ${stderr}`);
  const lines = readFileSync(trace, "utf8").split("\n");
  rmSync(home, { recursive: true });
  return durable(lines, home);
}

/**
 * @param {string[]} lines of strace, with the path of each descriptor
 * @param {string} home the way's folder
 */
export function durable(lines, home) {
  const ofPublish = lines.slice(lines.findIndex((line) => line.includes(`"${home}/marked"`)) + 1);
  const lastRename = ofPublish.findLastIndex((line) => /\brename(?:at2?)?\(/.test(line));
  const synced = ofPublish.flatMap((line, index) => {
    const path = /\bf(?:data)?sync\(\d+<([^>]*)>/.exec(line)?.[1];
    return path?.startsWith(home) ? [{ path, index }] : [];
  });
  const data = synced.some(({ path }) => /\.(?:duckdb|db|parquet)$/.test(path));
  const pointer = synced.some(({ path }) => /(?:version|manifest)[^/]*$/.test(path));
  const folder = synced.some(({ path, index }) => index > lastRename && !/\.[^/]*$/.test(path));
  const named = { data, pointer, "the folder": folder };
  return (
    Object.keys(named)
      .filter((name) => named[/** @type {keyof typeof named} */ (name)])
      .join(", ") || "nothing"
  );
}
