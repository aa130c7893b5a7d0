// @ts-check
/**
 * An ordinary ETL script. It knows one thing of the world it runs in: `DUCKDB_PATH`, the file to write.
 *
 *   DUCKDB_PATH=flights.duckdb node etl.mjs --months 3 --data flights-3m.parquet
 *
 * It loads the months 1..n of 2001 and makes two summaries of them. `--fault` lets it go wrong the way such scripts do:
 * `crash` ends half way with exit 1, `lose-rows` reads a source that was cut off, `hang` waits for ever in the middle.
 */
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";

const { values } = parseArgs({
  options: {
    months: { type: "string" },
    data: { type: "string" },
    fault: { type: "string", default: "none" },
  },
});
const months = Number(values.months);
const source = values.data ?? process.env["FLIGHTS_PARQUET"];
const target = process.env["DUCKDB_PATH"];
if (!Number.isInteger(months) || months < 1 || !source || !target) {
  console.error("usage: DUCKDB_PATH=FILE node etl.mjs --months N --data flights-3m.parquet [--fault crash|lose-rows|hang]");
  process.exit(2);
}

const instance = await DuckDBInstance.create(target);
const connection = await instance.connect();
// The source covers six months, and six flights at midnight of a seventh: they belong to the sixth.
await connection.run(`
  CREATE OR REPLACE TABLE flights (month INTEGER, date TIMESTAMP, delay INTEGER, distance INTEGER, origin VARCHAR, destination VARCHAR)`);
// Sorted by route, so that a query for one route reads little of the table.
for (let month = 1; month <= months; month++) {
  const cutOff = values.fault === "lose-rows" ? "AND day(date) <= 5" : "";
  await connection.run(
    `INSERT INTO flights
     SELECT $month, date, delay, distance, origin, destination FROM read_parquet($source)
     WHERE least(month(date), 6) = $month ${cutOff} ORDER BY origin, destination, date`,
    { month, source },
  );
  console.log(`etl ${process.pid}: month ${month} of ${months} loaded`);
  if (month === Math.ceil(months / 2)) await misbehave();
}
await connection.run(`
  CREATE OR REPLACE TABLE monthly AS
  SELECT month, count(*)::INTEGER AS flights, count(*) FILTER (delay > 15)::INTEGER AS late, sum(delay)::BIGINT AS delay_minutes
  FROM flights GROUP BY month ORDER BY month`);
await connection.run(`
  CREATE OR REPLACE TABLE airports AS
  SELECT airport, sum(departures)::INTEGER AS departures, sum(arrivals)::INTEGER AS arrivals, sum(delay)::BIGINT AS delay_minutes
  FROM (
    SELECT origin AS airport, count(*) AS departures, 0 AS arrivals, sum(delay) AS delay FROM flights GROUP BY origin
    UNION ALL
    SELECT destination, 0, count(*), 0 FROM flights GROUP BY destination
  ) GROUP BY airport ORDER BY airport`);
connection.closeSync();
instance.closeSync();
console.log(`etl ${process.pid}: done`);

/** Goes wrong in the middle of the build, when asked to. */
async function misbehave() {
  if (values.fault === "crash") throw new Error("the source closed the connection");
  if (values.fault !== "hang") return;
  console.log(`etl ${process.pid}: waiting for the source`);
  await new Promise((resolve) => {
    setTimeout(resolve, 120_000);
  });
  throw new Error("the source did not answer");
}
