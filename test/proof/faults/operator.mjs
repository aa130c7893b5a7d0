// A long-lived process that runs one operation after another, for faults from outside it. Arguments: URL of the compiled sources. Reads one JSON job a
// line, `{ folder, operation }`, and answers each with one line `done {…}`.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";

const [dist] = process.argv.slice(2);
const load = (path) => import(new URL(path, dist).href);
const { DuckDBInstance } = await import(process.argv[3]);
const { duckdbEngine } = await load("engine/duckdb/engine.js");
const { nodePlatform } = await load("platform/node.js");
const { openReleaseStore } = await load("release/open.js");
const { publish } = await load("release/publish.js");
const { rollback } = await load("release/rollback.js");
const { adopt } = await load("release/adopt.js");
const { initialize } = await load("release/initialize.js");

const platform = nodePlatform();
/** Hashing in this process instead of a child's: a Node start for each fault would cost more than all the rest. */
const digest = async (paths) =>
  paths.map((path) => ({
    path,
    bytes: statSync(path).size,
    sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
  }));
const engine = { ...duckdbEngine(platform), digest };

const rows = (count) => ({
  kind: "function",
  async build({ path }) {
    const instance = await DuckDBInstance.create(path);
    try {
      const connection = await instance.connect();
      try {
        await connection.run(`CREATE TABLE t AS SELECT range + 1 AS n FROM range(${count})`);
      } finally {
        connection.closeSync();
      }
    } finally {
      instance.closeSync();
    }
  },
});
const strict = [{ check: "rows", severity: "error", table: "t", min: 10 }];
const broken = { kind: "function", build: () => Promise.reject(new Error("no input today")) };

const run = {
  publish: (store, options) => publish(store, rows(3), options),
  refused: (store, options) => publish({ ...store, checks: strict }, rows(3), options),
  failed: (store, options) => publish(store, broken, options),
  rollback: (store, options) => rollback(store, options),
  adopt: (store, options) => adopt(store, options),
  initialize: (store, options) => initialize(store, `${store.paths.folder}/../../DB.duckdb`, options),
};

process.on("unhandledRejection", (error) => console.log(`unhandled ${error?.stack ?? error}`));
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const { folder, operation } = JSON.parse(line);
  const warnings = [];
  const onProgress = (event) => event.kind === "warning" && warnings.push(event.detail);
  const store = openReleaseStore({ name: "holdings", dir: folder, layout: "slots", basename: "DB" }, { platform, engine });
  try {
    const { outcome, version, checks } = await run[operation](store, { onProgress });
    console.log(`done ${JSON.stringify({ outcome, version, checks, warnings })}`);
  } catch (error) {
    const ours = error?.name === "LockkeeperError";
    const { code, message, hint, subject, stack } = error;
    console.log(`done ${JSON.stringify({ error: { ours, code, message, hint, subject, ...(!ours && { stack }) }, warnings })}`);
  }
}
