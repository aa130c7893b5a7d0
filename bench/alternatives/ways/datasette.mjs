// @ts-check
/** Datasette over a SQLite file with the same rows; a new file is renamed over the old one. */
import { join } from "node:path";
import { renameOver } from "../lib/publishers.mjs";
import { oneStatement } from "../question.mjs";

/** @type {import("../ways.mjs").OpenPublisher} */
export function openPublisher(folder) {
  return renameOver(folder, "data.db");
}

/** @type {import("../ways.mjs").Foreign} */
export function foreign(folder, port) {
  const url = `http://127.0.0.1:${port}`;
  return {
    command: "datasette",
    args: ["serve", join(folder, "data.db"), "--port", String(port), "--setting", "sql_time_limit_ms", "10000"],
    address: { url: `${url}/data.json?sql=${encodeURIComponent(oneStatement)}&_shape=array` },
    health: `${url}/-/versions.json`,
  };
}
