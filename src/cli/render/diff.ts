import type { ColumnDiff, DiffResult, TableDiff } from "../../model/diff.ts";
import { formatBytes } from "../../model/units.ts";
import type { Style } from "./style.ts";
import { counted, printable, tableLines } from "./text.ts";

/** `releases diff`: a line for each table that is not the same, its columns that are not, and how many tables are. */
export function diffText({ store, from, to, tables }: DiffResult, style: Style): string {
  const differing = tables.filter(({ change }) => change !== "same");
  const same = tables.length - differing.length;
  const head = `${store}: ${namedText(from, style)} against ${namedText(to, style)}`;
  if (tables.length === 0) return `${head}\n  neither has a table`;
  const lines = differing.map((table) => [
    table.change,
    `${table.schema}.${table.name}`,
    table.differs.join(", ") || "-",
    sidesText(table.rows, (rows) => rows.toLocaleString("en-US")),
    sidesText(table.bytes, formatBytes),
  ]);
  const listing = lines.length === 0 ? [] : tableLines(["change", "table", "differs", "rows", "size"], lines, { style });
  return [
    head,
    ...listing.map((line) => `  ${line}`),
    ...differing.flatMap((table) => columnLines(table)),
    `  ${counted(same, "table")} the same`,
  ].join("\n");
}

function columnLines(table: TableDiff): string[] {
  if (table.change !== "changed") return [];
  return table.columns
    .filter(({ change }) => change !== "same")
    .map((column) => `  ${printable(`${table.schema}.${table.name}.${column.name}`)}  ${column.change}  ${typesText(column)}`);
}

function typesText({ types: [before, after] }: ColumnDiff): string {
  return printable(before === null || after === null || before === after ? (after ?? before ?? "") : `${before} → ${after}`);
}

function namedText({ release, version }: DiffResult["from"], style: Style): string {
  return `${style.bold(printable(release))}${version === undefined ? "" : ` (version ${version})`}`;
}

function sidesText(sides: readonly [number | null, number | null], format: (value: number) => string): string {
  const [before, after] = sides.map((value) => (value === null ? "-" : format(value)));
  return before === after ? (after ?? "-") : `${before} → ${after}`;
}
