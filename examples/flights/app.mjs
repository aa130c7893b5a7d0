// @ts-check
/**
 * A web app over the flights, written the way an app is written: open a reader once, `borrow` a release for each request,
 * ask as many queries as the answer needs. Nothing in it knows when or how releases are published.
 *
 *   FLIGHTS_DIR=flights PORT=8080 node app.mjs
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { openReader } from "lockkeeper";

const reader = await openReader({ dir: process.env["FLIGHTS_DIR"] ?? "flights" });
const app = new Hono();

app.get("/api/airports/busiest", async (c) => {
  const answer = await reader.borrow(async (release) => {
    const airports = await release.query(
      `SELECT airport, departures, arrivals, delay_minutes::DOUBLE AS "delayMinutes"
       FROM airports ORDER BY departures + arrivals DESC, airport LIMIT 10`,
    );
    const all = await release.query("SELECT count(*)::INTEGER AS flights, sum(distance)::DOUBLE AS miles FROM flights");
    return { ...named(release), ...all.objects()[0], airports: airports.objects() };
  });
  return c.json(answer);
});

app.get("/api/delays/monthly", async (c) => {
  const answer = await reader.borrow(async (release) => {
    const months = await release.query(
      'SELECT month, flights, late, delay_minutes::DOUBLE AS "delayMinutes" FROM monthly ORDER BY month',
    );
    const all = await release.query('SELECT count(*)::INTEGER AS flights, sum(delay)::DOUBLE AS "delayMinutes" FROM flights');
    return { ...named(release), months: months.objects(), total: all.objects()[0] };
  });
  return c.json(answer);
});

app.get("/api/routes/:origin/:destination", async (c) => {
  const { origin, destination } = c.req.param();
  const answer = await reader.borrow(async (release) => {
    const months = await release.query(
      `SELECT month, count(*)::INTEGER AS flights, sum(delay)::DOUBLE AS "delayMinutes"
       FROM flights WHERE origin = $1 AND destination = $2 GROUP BY month ORDER BY month`,
      [origin, destination],
    );
    const ends = await release.query(
      "SELECT airport, departures, arrivals FROM airports WHERE airport IN ($1, $2) ORDER BY airport",
      [origin, destination],
    );
    return { ...named(release), origin, destination, months: months.objects(), ends: ends.objects() };
  });
  return c.json(answer);
});

app.get("/api/data-freshness", async (c) => {
  const freshness = await reader.borrow(async (release) => {
    const { rows } = await release.query("SELECT max(date)::DATE::VARCHAR FROM flights");
    return { lastDataLoadDate: rows[0]?.[0], ...named(release), lastUpdated: release.lastUpdated, active: release.active };
  });
  return c.json({ ...freshness, servingVersion: freshness.dbVersion, timestamp: new Date().toISOString() });
});

app.get("/api/db-status", (c) => c.json(reader.status()));

app.onError((error, c) => {
  console.error(error.message);
  return c.json({ error: error.message }, 500);
});

const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env["PORT"] ?? 0) }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}`);
});

// A parent that is gone ("disconnect") ends the app as SIGTERM does: nothing is left behind.
for (const signal of ["SIGTERM", "SIGINT", "disconnect"]) process.once(signal, stop);

/** Lets requests end, then lets go of the data. */
function stop() {
  server.close(() => void reader.close().then(() => process.exit(0)));
}

/** @param {{ release: string, version: number }} generation */
function named({ release, version }) {
  return { release, dbVersion: version };
}
