// A build command: writes the DuckDB file that DUCKDB_PATH names. Arguments: rows, and what to do then.
//   wait         prints "building" and stays until a signal ends it
//   wait-stubborn  the same, and does not end at SIGTERM
//   fail         exits with code 4
import { DuckDBInstance } from "@duckdb/node-api";

const [rows = "1", then] = process.argv.slice(2);
const instance = await DuckDBInstance.create(process.env["DUCKDB_PATH"]);
const connection = await instance.connect();
await connection.run(`CREATE TABLE t AS SELECT range + 1 AS n, 'row ' || range AS label FROM range(${Number(rows)})`);
connection.closeSync();
instance.closeSync();

if (then === "fail") {
  console.error("the source is not there");
  process.exit(4);
}
if (then?.startsWith("wait")) {
  if (then === "wait-stubborn") process.on("SIGTERM", () => console.log("asked to end"));
  console.log(`building ${process.pid}`);
  setInterval(() => {}, 60_000);
}
