// @ts-check
import { Hono } from "hono";
import { readModule, readPage } from "./page/files.mjs";

/** @typedef {import("lockkeeper").Reader} Reader */
/** @typedef {import("lockkeeper").BorrowedRelease} Release */

/** Investors on a page of the list, and holdings and holders that are shown at most. */
const rowsMax = 25;

/**
 * The web app: an app as anybody writes one. Of releases it knows `reader.borrow`: all queries of one answer see the same data.
 *
 * @param {Reader} reader
 * @param {{ store?: string | undefined, routes?: Hono<any> | undefined }} [events] the store's name, and `lockkeeperRoutes(workspace)`:
 *   the page then hears of a new release by its stream of events
 */
export function createApp(reader, { store, routes } = {}) {
  const app = new Hono();

  app.get("/api/investors", async (c) => {
    const search = c.req.query("search") ?? "";
    const page = Number(c.req.query("page") ?? "1");
    if (!Number.isSafeInteger(page) || page < 1) return c.json({ error: "page is a whole number from 1" }, 400);
    return c.json(await reader.borrow((release) => listInvestors(release, search, page)));
  });

  app.get("/api/investors/:cik{[0-9]{1,9}}/holdings", async (c) => {
    const { cik } = c.req.param();
    const answer = await reader.borrow((release) => showHoldings(release, Number(cik), c.req.query("quarter")));
    return answer ? c.json(answer) : c.json({ error: `nothing is filed by investor ${cik}` }, 404);
  });

  app.get("/api/assets/:asset{[0-9]{1,9}}/activity", async (c) => {
    const { asset } = c.req.param();
    const answer = await reader.borrow((release) => showActivity(release, Number(asset)));
    return answer ? c.json(answer) : c.json({ error: `there is no asset ${asset}` }, 404);
  });

  app.get("/api/data-freshness", async (c) => {
    const freshness = await reader.borrow(async (release) => {
      const [run] = await rows(release, "SELECT as_of::VARCHAR AS day, quarter, rows::DOUBLE AS rows FROM etl_run");
      const [held] = await rows(release, "SELECT count(*)::DOUBLE AS holdings FROM holdings");
      const { day, ...loaded } = run ?? {};
      return {
        ...named(release),
        lastDataLoadDate: day,
        ...loaded,
        ...held,
        lastUpdated: release.lastUpdated,
        active: release.active,
      };
    });
    return c.json({ ...freshness, servingVersion: freshness.dbVersion, store, timestamp: new Date().toISOString() });
  });

  app.get("/api/db-status", (c) => c.json(reader.status()));

  app.get("/", async (c) => c.html(await readPage()));
  app.get("/modules/:path{.+}", async (c) => {
    const text = await readModule(c.req.param("path"));
    return text === undefined ? c.notFound() : c.body(text, 200, { "Content-Type": "text/javascript; charset=utf-8" });
  });
  if (routes) app.route("/lockkeeper", routes);

  app.notFound((c) => c.json({ error: "there is nothing here" }, 404));
  app.onError((error, c) => {
    console.error(error.message);
    return c.json({ error: "the data cannot be read" }, 503);
  });
  return app;
}

/**
 * @param {Release} release
 * @param {string} search part of a name
 * @param {number} page from 1
 */
async function listInvestors(release, search, page) {
  const where = "WHERE contains(lower(name), lower($1))";
  const [all] = await rows(
    release,
    `SELECT count(*)::INTEGER AS total, coalesce(sum(positions), 0)::INTEGER AS positions, coalesce(sum(value), 0)::DOUBLE AS value FROM investors ${where}`,
    [search],
  );
  const investors = await rows(
    release,
    `SELECT cik::INTEGER AS cik, name, quarter, positions, value::DOUBLE AS value
     FROM investors ${where} ORDER BY investors.value DESC, cik LIMIT ${rowsMax} OFFSET ${(page - 1) * rowsMax}`,
    [search],
  );
  return { ...(await origin(release)), ...all, page, pages: Math.max(1, Math.ceil(Number(all?.["total"]) / rowsMax)), investors };
}

/**
 * @param {Release} release
 * @param {number} cik
 * @param {string | undefined} wanted the quarter; default: the newest that the investor has filed
 */
async function showHoldings(release, cik, wanted) {
  const [investor] = await rows(release, "SELECT cik::INTEGER AS cik, name, quarter FROM investors WHERE cik = $1", [cik]);
  if (!investor) return undefined;
  const quarter = wanted ?? String(investor["quarter"]);
  const quarters = await rows(
    release,
    `SELECT quarter, any_value(filed)::VARCHAR AS filed, count(*)::INTEGER AS positions, sum(value)::DOUBLE AS value
     FROM holdings WHERE cik = $1 GROUP BY quarter ORDER BY quarter`,
    [cik],
  );
  const holdings = await rows(
    release,
    `SELECT asset_id AS "assetId", symbol, name, shares::DOUBLE AS shares, value::DOUBLE AS value
     FROM holdings JOIN assets USING (asset_id) WHERE cik = $1 AND quarter = $2 ORDER BY holdings.value DESC, asset_id LIMIT ${rowsMax}`,
    [cik, quarter],
  );
  return { ...(await origin(release)), cik, name: investor["name"], quarter, quarters, holdings };
}

/**
 * @param {Release} release
 * @param {number} asset
 */
async function showActivity(release, asset) {
  const [known] = await rows(release, 'SELECT asset_id AS "assetId", symbol, name FROM assets WHERE asset_id = $1', [asset]);
  if (!known) return undefined;
  const quarters = await rows(
    release,
    `SELECT quarter, holders, opened, closed, shares::DOUBLE AS shares, value::DOUBLE AS value
     FROM asset_activity WHERE asset_id = $1 ORDER BY quarter`,
    [asset],
  );
  const holders = await rows(
    release,
    `SELECT cik::INTEGER AS cik, name, shares::DOUBLE AS shares, holdings.value::DOUBLE AS value
     FROM holdings JOIN investors USING (cik, quarter) WHERE asset_id = $1 ORDER BY holdings.value DESC, cik LIMIT ${rowsMax}`,
    [asset],
  );
  return { ...(await origin(release)), ...known, quarters, holders };
}

/**
 * @param {Release} release
 * @param {string} sql
 * @param {(string | number)[]} [parameters]
 */
async function rows(release, sql, parameters) {
  return (await release.query(sql, parameters)).objects();
}

/**
 * Where an answer comes from, and the day up to which the filings are in it.
 *
 * @param {Release} release
 */
async function origin(release) {
  const [run] = await rows(release, 'SELECT as_of::VARCHAR AS "asOf" FROM etl_run');
  return { ...named(release), ...run };
}

/** @param {Release} release */
function named({ release, version }) {
  return { release, dbVersion: version };
}
