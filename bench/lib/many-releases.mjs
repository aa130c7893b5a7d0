// @ts-check
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/**
 * Fills a store of layout `releases`, which has none yet, with `count` releases of a tiny file. The first and the last are published; those between them are
 * written as docs/format.md has them: folder, record, pin and history line of the first one, with their own ids.
 *
 * @param {(build: (context: { path: string }) => Promise<void>) => Promise<unknown>} publish
 * @param {{ folder: string, basename: string, count: number }} options the store's folder, the stem of its files, and how many releases
 */
export async function makeReleases(publish, { folder, basename, count }) {
  await publish(writeTiny);
  const first = "r000001";
  const record = JSON.parse(readFileSync(join(folder, "releases", first, "release.json"), "utf8"));
  const history = join(folder, ".lockkeeper/history.jsonl");
  const line = JSON.parse(readFileSync(history, "utf8"));
  const lines = [line];
  for (let number = 2; number < count; number++) {
    const release = `r${String(number).padStart(6, "0")}`;
    const data = `releases/${release}/${basename}.duckdb`;
    mkdirSync(join(folder, "releases", release));
    copyFileSync(join(folder, "releases", first, `${basename}.duckdb`), join(folder, data));
    const own = { ...record, release, uid: hex(number), files: [{ ...record.files[0], path: data }] };
    writeFileSync(join(folder, "releases", release, "release.json"), `${JSON.stringify(own, undefined, 2)}\n`, { mode: 0o444 });
    writeFileSync(join(folder, ".lockkeeper/pins", `${release}.pin`), "");
    lines.push({ ...line, id: number, release, version: number, commit: hex(number) });
  }
  writeFileSync(history, lines.map((event) => `${JSON.stringify(event)}\n`).join(""));
  await publish(writeTiny);
}

/** @param {number} number */
function hex(number) {
  return number.toString(16).padStart(32, "0");
}

/** @param {{ path: string }} build */
async function writeTiny({ path }) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE t AS SELECT range AS n FROM range(10)");
  connection.closeSync();
  instance.closeSync();
}
