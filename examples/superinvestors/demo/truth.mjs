// @ts-check
/**
 * What every answer of the app must be after each week, computed from the Parquet files and not by the ETL: DuckDB reads the
 * reports that were filed and the positions of a few investors and assets; who had filed what by a week is found out here.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { fileSql } from "../filings/sql.mjs";

/** @typedef {Record<string, Record<string, unknown>>} Answers by URL */
/** @typedef {{ urls: string[], truth: Record<number, Answers>, rows: Record<number, number> }} Expectation `truth` and `rows` by week */
/** @typedef {{ cik: number, quarter: string, filed: string, positions: number, value: number }} Report */
/** @typedef {{ cik: number, quarter: string, filed: string, assetId: number, shares: number, value: number }} Held */
/** @typedef {{ assetId: number, symbol: string, name: string }} Asset */
/** @typedef {{ names: Map<number, string>, assets: Map<number, Asset>, reports: Report[], held: Held[], ciks: number[], assetIds: number[] }} Facts */

/** Rows that the app shows at most. */
const rowsMax = 25;
/** How a quarter's filings are told in weeks: 45 days in 13. */
const [filingDays, weeksOfQuarter] = [45, 13];
const dayMs = 24 * 3600 * 1000;

/** Names that the load searches for; each page is of the list of that name. */
const searches = /** @type {const} */ ([
  ["", 1],
  ["", 2],
  ["cedar", 1],
  ["CAPITAL", 1],
  ["advisors", 2],
  ["nobody's", 1],
]);

/**
 * @param {string} filings the folder
 * @param {{ weeks: number, lastQuarter: string, ciks?: number[], assetIds?: number[] }} options weeks 1 to `weeks` of the last quarter;
 *   the investors and assets that are asked for (default: some with many positions, with few, and between)
 * @returns {Promise<Expectation>}
 */
export async function computeTruth(filings, { weeks, lastQuarter, ...chosen }) {
  const facts = await readFacts(filings, chosen);
  /** @type {Expectation["truth"]} */
  const truth = {};
  /** @type {Record<number, number>} */
  const rows = {};
  for (let week = 1; week <= weeks; week++) {
    const day = dayOfWeek(lastQuarter, week);
    const answers = answersOn(facts, day);
    truth[week] = answers;
    rows[week] = Number(answers["/api/data-freshness"]?.["rows"]);
  }
  return { urls: Object.keys(truth[weeks] ?? {}), truth, rows };
}

/**
 * The last day whose filings are in by a week.
 *
 * @param {string} quarter such as 2024-Q4
 * @param {number} week from 1
 */
export function dayOfWeek(quarter, week) {
  const end = Date.UTC(Number(quarter.slice(0, 4)), Number(quarter.slice(-1)) * 3, 0);
  return new Date(end + Math.ceil((filingDays * week) / weeksOfQuarter) * dayMs).toISOString().slice(0, 10);
}

/**
 * @param {string} filings
 * @param {{ ciks?: number[], assetIds?: number[] }} chosen
 * @returns {Promise<Facts>}
 */
async function readFacts(filings, chosen) {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  /** @param {string} sql */
  const ask = async (sql) => /** @type {any[]} */ ((await connection.runAndReadAll(sql)).getRowObjectsJson());
  const filed = fileSql(filings, "filings/*.parquet");
  try {
    const investors = await ask(`SELECT cik::INTEGER AS cik, name FROM ${fileSql(filings, "investors.parquet")}`);
    const assets = await ask(`SELECT asset_id AS "assetId", symbol, name FROM ${fileSql(filings, "assets.parquet")}`);
    const reports = await ask(
      `SELECT cik::INTEGER AS cik, quarter, max(filed)::VARCHAR AS filed, count(*)::INTEGER AS positions, sum(value)::DOUBLE AS value
       FROM ${filed} GROUP BY cik, quarter ORDER BY cik, quarter`,
    );
    const ciks = chosen.ciks ?? (await someOf(ask, `SELECT cik::INTEGER AS id, count(*) AS n FROM ${filed} GROUP BY cik`));
    const assetIds =
      chosen.assetIds ?? (await someOf(ask, `SELECT asset_id AS id, count(*) AS n FROM ${filed} GROUP BY asset_id`));
    const held = await ask(
      `SELECT cik::INTEGER AS cik, quarter, filed::VARCHAR AS filed, asset_id AS "assetId", shares::DOUBLE AS shares, value::DOUBLE AS value
       FROM ${filed} WHERE cik IN (${ciks.join()}) OR asset_id IN (${assetIds.join()})`,
    );
    return {
      names: new Map(investors.map(({ cik, name }) => [cik, name])),
      assets: new Map(assets.map((asset) => [asset.assetId, asset])),
      reports,
      held,
      ciks,
      assetIds,
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * @param {(sql: string) => Promise<any[]>} ask
 * @param {string} counts SQL of id and n
 * @returns {Promise<number[]>}
 */
async function someOf(ask, counts) {
  const ids = (await ask(`SELECT id FROM (${counts}) ORDER BY n DESC, id`)).map(({ id }) => id);
  return [0, 0.02, 0.25, 0.6, 0.999].map((share) => ids[Math.floor(ids.length * share)]);
}

/**
 * @param {Facts} facts
 * @param {string} day YYYY-MM-DD
 * @returns {Answers}
 */
function answersOn(facts, day) {
  /** @type {Map<number, Report[]>} in the order of the quarters */
  const filed = new Map();
  for (const report of facts.reports) {
    if (report.filed <= day) filed.set(report.cik, [...(filed.get(report.cik) ?? []), report]);
  }
  const held = facts.held.filter((position) => position.filed <= day);
  /** @type {Answers} */
  const answers = { "/api/data-freshness": freshness(filed, day) };
  const newest = [...filed].flatMap(([cik, reports]) =>
    reports.slice(-1).map((report) => ({ ...report, name: facts.names.get(cik) ?? "" })),
  );
  for (const [search, page] of searches) {
    const query = new URLSearchParams({ ...(search && { search }), page: String(page) });
    answers[`/api/investors?${query.toString()}`] = listed(newest, search, page);
  }
  for (const cik of facts.ciks) {
    answers[`/api/investors/${cik}/holdings`] = holdingsOf(facts, { cik, held, reports: filed.get(cik) ?? [] });
  }
  const [largest = 0] = facts.ciks;
  const [first] = filed.get(largest) ?? [];
  if (first) {
    const url = `/api/investors/${largest}/holdings?quarter=${first.quarter}`;
    answers[url] = holdingsOf(facts, { cik: largest, held, reports: filed.get(largest) ?? [], quarter: first.quarter });
  }
  for (const assetId of facts.assetIds) {
    answers[`/api/assets/${assetId}/activity`] = activityOf(facts, {
      assetId,
      filed,
      held: held.filter((one) => one.assetId === assetId),
    });
  }
  // The day is asked last in every answer: one that two releases had a part in shows by it, also where no number of it changed.
  const { "/api/data-freshness": fresh = {}, ...others } = answers;
  const dated = Object.entries(others).map(([url, answer]) => [url, { asOf: day, ...answer }]);
  return { "/api/data-freshness": fresh, ...Object.fromEntries(dated) };
}

/**
 * @param {Map<number, Report[]>} filed
 * @param {string} day
 */
function freshness(filed, day) {
  const reports = [...filed.values()].flat();
  const rows = sum(reports, "positions");
  const quarter = reports.reduce((last, report) => (report.quarter > last ? report.quarter : last), "");
  return { lastDataLoadDate: day, quarter, rows, holdings: rows };
}

/**
 * @param {(Report & { name: string })[]} newest
 * @param {string} search
 * @param {number} page
 */
function listed(newest, search, page) {
  const found = newest.filter(({ name }) => name.toLowerCase().includes(search.toLowerCase())).toSorted(moreValueFirst);
  return {
    total: found.length,
    positions: sum(found, "positions"),
    value: sum(found, "value"),
    page,
    pages: Math.max(1, Math.ceil(found.length / rowsMax)),
    investors: found
      .slice((page - 1) * rowsMax, page * rowsMax)
      .map(({ cik, name, quarter, positions, value }) => ({ cik, name, quarter, positions, value })),
  };
}

/**
 * @param {Facts} facts
 * @param {{ cik: number, held: Held[], reports: Report[], quarter?: string }} investor
 */
function holdingsOf({ names, assets }, { cik, held, reports, quarter = reports.at(-1)?.quarter }) {
  return {
    cik,
    name: names.get(cik),
    quarter,
    quarters: reports.map(({ quarter: name, filed, positions, value }) => ({ quarter: name, filed, positions, value })),
    holdings: held
      .filter((position) => position.cik === cik && position.quarter === quarter)
      .toSorted((left, right) => right.value - left.value || left.assetId - right.assetId)
      .slice(0, rowsMax)
      .map(({ assetId, shares, value }) => ({ ...assets.get(assetId), shares, value })),
  };
}

/**
 * @param {Facts} facts
 * @param {{ assetId: number, filed: Map<number, Report[]>, held: Held[] }} asset
 */
function activityOf({ names, assets }, { assetId, filed, held }) {
  const positions = new Map(held.map((position) => [`${position.cik} ${position.quarter}`, position]));
  /** @type {Map<string, { quarter: string, holders: number, opened: number, closed: number, shares: number, value: number }>} */
  const quarters = new Map();
  const holders = [];
  for (const [cik, reports] of filed) {
    for (const [index, { quarter }] of reports.entries()) {
      const now = positions.get(`${cik} ${quarter}`);
      const before = reports[index - 1];
      const had = before && positions.has(`${cik} ${before.quarter}`);
      if (!now && !had) continue;
      const all = quarters.get(quarter) ?? { quarter, holders: 0, opened: 0, closed: 0, shares: 0, value: 0 };
      quarters.set(quarter, all);
      if (now) {
        all.holders += 1;
        all.shares += now.shares;
        all.value += now.value;
        if (index === reports.length - 1) holders.push({ cik, name: names.get(cik), shares: now.shares, value: now.value });
      }
      if (now && before && !had) all.opened += 1;
      if (!now && had) all.closed += 1;
    }
  }
  return {
    ...assets.get(assetId),
    quarters: [...quarters.values()].toSorted((left, right) => (left.quarter < right.quarter ? -1 : 1)),
    holders: holders.toSorted(moreValueFirst).slice(0, rowsMax),
  };
}

/**
 * @param {{ cik: number, value: number }} left
 * @param {{ cik: number, value: number }} right
 */
function moreValueFirst(left, right) {
  return right.value - left.value || left.cik - right.cik;
}

/**
 * @param {Report[]} reports
 * @param {"positions" | "value"} field
 */
function sum(reports, field) {
  return reports.reduce((total, report) => total + report[field], 0);
}
