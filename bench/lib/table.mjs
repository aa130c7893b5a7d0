// @ts-check

/**
 * One measured pair. Only `ratio` means anything on another machine.
 * @typedef {object} Row
 * @property {string} bench
 * @property {string} measure
 * @property {number} ours in `unit`
 * @property {number} theirs in `unit`
 * @property {string} [unit] default: ms
 * @property {string} against what `theirs` is
 * @property {number} ratio
 * @property {string} goal for the ratio; `-` where the pair is told for information
 * @property {"yes" | "no" | "-"} met
 */

/**
 * How fast ours is against theirs: 1 is equal, less is slower.
 *
 * @param {Omit<Row, "ratio" | "goal" | "met">} row
 * @param {number} atLeast
 * @returns {Row}
 */
export function speedRow(row, atLeast) {
  const ratio = row.theirs / row.ours;
  return { ...row, ratio, goal: `≥ ${atLeast}`, met: ratio >= atLeast ? "yes" : "no" };
}

/**
 * How long ours takes against theirs: 1 is equal, more is slower.
 *
 * @param {Omit<Row, "ratio" | "goal" | "met">} row
 * @param {number} atMost
 * @returns {Row}
 */
export function durationRow(row, atMost) {
  const ratio = row.ours / row.theirs;
  return { ...row, ratio, goal: `≤ ${atMost}`, met: ratio <= atMost ? "yes" : "no" };
}

/**
 * How long ours takes against theirs, without a goal.
 *
 * @param {Omit<Row, "ratio" | "goal" | "met">} row
 * @returns {Row}
 */
export function plainRow(row) {
  return { ...row, ratio: row.ours / row.theirs, goal: "-", met: "-" };
}

/**
 * @param {Row[]} rows
 * @returns {string}
 */
export function renderTable(rows) {
  const cells = rows.map((row) => [
    row.bench,
    row.measure,
    `${row.ours.toFixed(1)} ${row.unit ?? "ms"}`,
    `${row.theirs.toFixed(1)} ${row.unit ?? "ms"}`,
    row.ratio.toFixed(2),
    row.goal,
    row.met,
    row.against,
  ]);
  return alignColumns(["bench", "measure", "ours", "theirs", "ratio", "goal", "met", "against"], cells);
}

/**
 * A table of other columns than a ratio's.
 * @typedef {object} Table
 * @property {string} title
 * @property {string[]} head
 * @property {string[][]} lines cells as they are shown
 * @property {string[]} notes what one has to know to read it
 */

/**
 * @param {Table} table
 * @returns {string}
 */
export function renderOtherTable({ title, head, lines, notes }) {
  return [title, "", alignColumns(head, lines), "", ...notes].join("\n").trimEnd();
}

/**
 * @param {string[]} head
 * @param {string[][]} lines
 */
function alignColumns(head, lines) {
  const widths = head.map((name, column) => Math.max(name.length, ...lines.map((line) => (line[column] ?? "").length)));
  /** @param {string[]} line */
  const render = (line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [head, widths.map((width) => "-".repeat(width)), ...lines].map(render).join("\n");
}
