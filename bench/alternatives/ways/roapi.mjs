// @ts-check
/** ROAPI over two Parquet files, which it loads again every second; new files are renamed over the old ones, one after the other. */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { changedAt } from "../lib/files.mjs";
import { oneStatement } from "../question.mjs";

const tables = ["investors", "filings"];

/** @type {import("../ways.mjs").OpenPublisher} */
export function openPublisher(folder) {
  const building = join(folder, "building");
  mkdirSync(building, { recursive: true });
  const path = (/** @type {string} */ table) => join(folder, `${table}.parquet`);
  return {
    publish: async (build) => {
      await build(building);
      for (const table of tables) renameSync(join(building, `${table}.parquet`), path(table));
      return changedAt(path("filings"));
    },
    nextPath: () => path("filings"),
  };
}

/** @type {import("../ways.mjs").Foreign} */
export function foreign(folder, port) {
  const url = `http://127.0.0.1:${port}`;
  const any = "127.0.0.1:0";
  return {
    command: "roapi",
    // Tables are loaded again only where it may also write.
    args: "--disable-read-only --reload-interval 1"
      .split(" ")
      .concat("--addr-http", `127.0.0.1:${port}`, "--addr-postgres", any, "--addr-flight-sql", any)
      .concat(tables.flatMap((table) => ["--table", `${table}=${join(folder, `${table}.parquet`)}`])),
    address: { url: `${url}/api/sql`, method: "POST", body: oneStatement },
    health: `${url}/health`,
  };
}
