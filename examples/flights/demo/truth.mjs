// @ts-check
/**
 * What every answer must be, computed straight from the Parquet file and not by the ETL: month by month in SQL, added up
 * here. `truth[n][url]` is the answer over the months 1..n.
 */
import { DuckDBInstance } from "@duckdb/node-api";

/** @typedef {Record<string, Record<string, unknown>>} Answers by URL */
/** @typedef {Record<number, Answers>} Truth by number of months */
/** @typedef {{ months: number, rows: number, urls: string[], truth: Truth }} Expectation */
/** @typedef {{ month: number, flights: number, late: number, delayMinutes: number, miles: number }} MonthRow */
/** @typedef {{ month: number, airport: string, departures: number, arrivals: number, delayMinutes: number }} AirportRow */
/** @typedef {{ month: number, origin: string, destination: string, flights: number, delayMinutes: number }} RouteRow */

/** Routes that the load asks for: the busiest ones of the whole file. */
const routeCount = 6;

/**
 * @param {string} parquet path of `flights-3m.parquet`
 * @param {number} months highest number of months a release will hold
 * @returns {Promise<Expectation>}
 */
export async function computeTruth(parquet, months) {
  const facts = await readFacts(parquet);
  /** @type {Truth} */
  const truth = {};
  for (let n = 1; n <= months; n++) truth[n] = answersOver(facts, n);
  const rows = sum(facts.months, "flights");
  return { months, rows, urls: Object.keys(truth[months] ?? {}), truth };
}

/** @param {string} parquet */
async function readFacts(parquet) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(
      "CREATE TEMP VIEW source AS SELECT least(month(date), 6)::INTEGER AS m, delay, distance, origin, destination FROM read_parquet('" +
        `${parquet.replaceAll("'", "''")}')`,
    );
    /** @param {string} sql */
    const ask = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const months = await ask(
      `SELECT m AS month, count(*)::INTEGER AS flights, count_if(delay > 15)::INTEGER AS late,
         sum(delay)::DOUBLE AS "delayMinutes", sum(distance)::DOUBLE AS miles FROM source GROUP BY m ORDER BY m`,
    );
    const airports = await ask(
      `SELECT month, airport, coalesce(departures, 0)::INTEGER AS departures, coalesce(arrivals, 0)::INTEGER AS arrivals,
         coalesce(delay, 0)::DOUBLE AS "delayMinutes"
       FROM (SELECT m AS month, origin AS airport, count(*) AS departures, sum(delay) AS delay FROM source GROUP BY ALL)
       FULL JOIN (SELECT m AS month, destination AS airport, count(*) AS arrivals FROM source GROUP BY ALL) USING (month, airport)`,
    );
    const routes = await ask(
      `SELECT m AS month, origin, destination, count(*)::INTEGER AS flights, sum(delay)::DOUBLE AS "delayMinutes"
       FROM source WHERE (origin, destination) IN
         (SELECT (origin, destination) FROM source GROUP BY origin, destination ORDER BY count(*) DESC, origin, destination LIMIT ${routeCount})
       GROUP BY ALL ORDER BY origin, destination, month`,
    );
    return {
      months: /** @type {MonthRow[]} */ (/** @type {unknown} */ (months)),
      airports: /** @type {AirportRow[]} */ (/** @type {unknown} */ (airports)),
      routes: /** @type {RouteRow[]} */ (/** @type {unknown} */ (routes)),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * @param {{ months: MonthRow[], airports: AirportRow[], routes: RouteRow[] }} facts
 * @param {number} n
 * @returns {Answers}
 */
function answersOver(facts, n) {
  const months = facts.months.filter((row) => row.month <= n);
  const airports = addUpAirports(facts.airports.filter((row) => row.month <= n));
  /** @type {Answers} */
  const answers = {
    "/api/airports/busiest": {
      flights: sum(months, "flights"),
      miles: sum(months, "miles"),
      airports: [...airports.values()].toSorted(busierFirst).slice(0, 10),
    },
    "/api/delays/monthly": {
      months: months.map(({ month, flights, late, delayMinutes }) => ({ month, flights, late, delayMinutes })),
      total: { flights: sum(months, "flights"), delayMinutes: sum(months, "delayMinutes") },
    },
  };
  for (const { origin, destination } of new Map(facts.routes.map((row) => [`${row.origin}/${row.destination}`, row])).values()) {
    const flown = facts.routes.filter((row) => row.origin === origin && row.destination === destination && row.month <= n);
    answers[`/api/routes/${origin}/${destination}`] = {
      origin,
      destination,
      months: flown.map(({ month, flights, delayMinutes }) => ({ month, flights, delayMinutes })),
      ends: [origin, destination].toSorted().map((airport) => {
        const { departures, arrivals } = airports.get(airport) ?? { departures: 0, arrivals: 0 };
        return { airport, departures, arrivals };
      }),
    };
  }
  return answers;
}

/** @param {AirportRow[]} rows */
function addUpAirports(rows) {
  /** @type {Map<string, Omit<AirportRow, "month">>} */
  const airports = new Map();
  for (const { airport, departures, arrivals, delayMinutes } of rows) {
    const all = airports.get(airport) ?? { airport, departures: 0, arrivals: 0, delayMinutes: 0 };
    all.departures += departures;
    all.arrivals += arrivals;
    all.delayMinutes += delayMinutes;
    airports.set(airport, all);
  }
  return airports;
}

/**
 * @param {Omit<AirportRow, "month">} left
 * @param {Omit<AirportRow, "month">} right
 */
function busierFirst(left, right) {
  const difference = right.departures + right.arrivals - left.departures - left.arrivals;
  if (difference !== 0) return difference;
  return left.airport < right.airport ? -1 : 1;
}

/**
 * @param {MonthRow[]} rows
 * @param {"flights" | "delayMinutes" | "miles"} field
 */
function sum(rows, field) {
  return rows.reduce((total, row) => total + row[field], 0);
}
