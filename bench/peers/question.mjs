// @ts-check

/**
 * What both peers ask at every request: the build's number, stored in the data, and an aggregate over it in one statement.
 *
 * @param {string} catalogue what the data is attached as
 */
export function question(catalogue) {
  return `SELECT (SELECT number FROM ${catalogue}.build), count(*), sum(delay) FROM ${catalogue}.flights WHERE origin = 'ATL'`;
}
