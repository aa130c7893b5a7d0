// @ts-check

/** @typedef {{ investors: number, filings: number, rows: number }} Answer the build that each of the two tables names, and how many filings were counted */

/** The quarter that is asked for. */
export const quarter = "2024-Q2";

/**
 * What every way answers a request with, as two statements, the way a page is put together that shows something of each table.
 *
 * @param {string} [prefix] in front of the tables' names
 */
export function statements(prefix = "") {
  return /** @type {const} */ ([
    `SELECT max(build), count(*) FROM ${prefix}investors`,
    `SELECT max(build), count(*), sum(value) FROM ${prefix}filings WHERE quarter = '${quarter}'`,
  ]);
}

/** The same as one statement, for servers that take one a request. */
export const oneStatement = `SELECT (SELECT max(build) FROM investors) AS investors, max(build) AS filings, count(*) AS "rows", sum(value) AS total
  FROM filings WHERE quarter = '${quarter}'`;

/**
 * The answer over a driver's connection. `between` is waited for after the first statement.
 *
 * @param {(sql: string) => Promise<readonly unknown[] | undefined>} firstRow
 * @param {{ prefix?: string, between?: (() => Promise<unknown>) | undefined }} [options]
 * @returns {Promise<Answer>}
 */
export async function answerWith(firstRow, { prefix, between } = {}) {
  const [first, second] = statements(prefix);
  const investors = await firstRow(first);
  await between?.();
  const filings = await firstRow(second);
  return { investors: Number(investors?.[0]), filings: Number(filings?.[0]), rows: Number(filings?.[1]) };
}
