// @ts-check
/**
 * The same web app without Lockkeeper, on the one file that the ETL writes. There are two ways to write it, and the demo shows both:
 *
 *   FLIGHTS_FILE=flights.duckdb PORT=8080 node shared-file.mjs held       opens the file once, read-only, as most apps do
 *   FLIGHTS_FILE=flights.duckdb PORT=8080 node shared-file.mjs request    opens it for each request, and closes it again
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const file = process.env["FLIGHTS_FILE"] ?? "flights.duckdb";
const held = process.argv[2] === "request" ? undefined : await open();
const app = new Hono();

app.get("/api/airports/busiest", async (c) => {
  const [airports, all] = await ask(
    `SELECT airport, departures, arrivals, delay_minutes::DOUBLE AS "delayMinutes"
     FROM airports ORDER BY departures + arrivals DESC, airport LIMIT 10`,
    "SELECT count(*)::INTEGER AS flights, sum(distance)::DOUBLE AS miles FROM flights",
  );
  return c.json({ ...all?.[0], airports });
});

app.get("/api/delays/monthly", async (c) => {
  const [months, all] = await ask(
    'SELECT month, flights, late, delay_minutes::DOUBLE AS "delayMinutes" FROM monthly ORDER BY month',
    'SELECT count(*)::INTEGER AS flights, sum(delay)::DOUBLE AS "delayMinutes" FROM flights',
  );
  return c.json({ months, total: all?.[0] });
});

app.get("/api/routes/:origin/:destination", async (c) => {
  const { origin, destination } = c.req.param();
  const literal = (/** @type {string} */ text) => `'${text.replaceAll("'", "''")}'`;
  const [months, ends] = await ask(
    `SELECT month, count(*)::INTEGER AS flights, sum(delay)::DOUBLE AS "delayMinutes" FROM flights
     WHERE origin = ${literal(origin)} AND destination = ${literal(destination)} GROUP BY month ORDER BY month`,
    `SELECT airport, departures, arrivals FROM airports
     WHERE airport IN (${literal(origin)}, ${literal(destination)}) ORDER BY airport`,
  );
  return c.json({ origin, destination, months, ends });
});

app.get("/api/data-freshness", async (c) => {
  const [newest] = await ask('SELECT max(date)::DATE::VARCHAR AS "lastDataLoadDate" FROM flights');
  return c.json({ ...newest?.[0] });
});

app.onError((error, c) => c.json({ error: error.message }, 500));

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env["PORT"] ?? 0) }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}`);
});

for (const signal of ["SIGTERM", "SIGINT", "disconnect"]) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
  });
}

/**
 * The rows of each statement, from one connection.
 *
 * @param {string[]} statements
 */
async function ask(...statements) {
  const instance = held ?? (await open());
  try {
    const connection = await instance.connect();
    try {
      const answers = [];
      for (const sql of statements) answers.push((await connection.runAndReadAll(sql)).getRowObjectsJson());
      return answers;
    } finally {
      connection.closeSync();
    }
  } finally {
    if (instance !== held) instance.closeSync();
  }
}

function open() {
  return DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
}
