import { z } from "zod";
import type { ReleaseTable } from "./release-record.ts";

const changeSchema = z.enum(["added", "removed", "changed", "same"]);

/** `[from, to]`; null on the side where it is not, or where there is no such number. */
const sides = <Schema extends z.ZodType>(schema: Schema) => z.tuple([schema.nullable(), schema.nullable()]);

const count = z.int().min(0);

/** One column of a table that both releases have, or that one of them has. */
export const columnDiffSchema = z.object({
  name: z.string(),
  change: z
    .enum(["added", "removed", "changed", "moved", "same"])
    .describe("`moved`: as it was, at another place among the columns."),
  types: sides(z.string()).describe("With NOT NULL where it holds."),
});

/** One table or view of either release. */
export const tableDiffSchema = z.object({
  schema: z.string(),
  name: z.string(),
  change: changeSchema.describe(
    "`same`: columns, rows and every value are equal, whatever their order; of a view its columns and statement.",
  ),
  differs: z
    .array(z.enum(["kind", "columns", "rows", "content", "definition"]))
    .describe("What of it is not equal, where it is `changed`. `content`: as many rows, other values."),
  kind: sides(z.enum(["table", "view"])),
  rows: sides(count).describe("Exact; null for views."),
  bytes: sides(count).describe(
    "Blocks of the file that hold any of it; one that tables share counts for each. Null for views and where the engine does not tell.",
  ),
  columns: z.array(columnDiffSchema).describe("In the order of the newer release; removed ones last."),
});

const diffedReleaseSchema = z.object({
  release: z.string().describe("A release id; of what is in quarantine, the build's id."),
  version: count.optional().describe("The last version it was active under."),
});

/** What differs between two releases. */
export const diffResultSchema = z.object({
  store: z.string(),
  from: diffedReleaseSchema,
  to: diffedReleaseSchema,
  tables: z.array(tableDiffSchema).describe("By schema and name."),
});

/** What differs in one column. */
export type ColumnDiff = z.infer<typeof columnDiffSchema>;
/** What differs in one table or view. */
export type TableDiff = z.infer<typeof tableDiffSchema>;
/** What differs between two releases. */
export type DiffResult = z.infer<typeof diffResultSchema>;

/** A table or view as it lies in a file. */
export interface CatalogueTable extends ReleaseTable {
  /** Of a view, the statement that made it. */
  readonly definition?: string | undefined;
}

/** A table with what was found out about its data. */
export interface ComparedTable extends CatalogueTable {
  readonly bytes?: number | undefined;
  /** Equal for equal rows in any order; left out where columns or row counts differ already, and for views. */
  readonly fingerprint?: string | undefined;
}

/** Whether only the content tells if two tables are the same. */
export function needsContent(from: CatalogueTable, to: CatalogueTable): boolean {
  const columnsSame = columnDiffs(from.columns, to.columns).every(({ change }) => change === "same");
  return from.kind === "table" && to.kind === "table" && from.rows === to.rows && columnsSame;
}

/** What differs between the tables of two releases, by schema and name. */
export function diffTables(from: readonly ComparedTable[], to: readonly ComparedTable[]): TableDiff[] {
  const before = byName(from);
  const after = byName(to);
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const diffs = names.map((name) => tableDiff(before.get(name), after.get(name)));
  return diffs.toSorted((left, right) => compareText(left.schema, right.schema) || compareText(left.name, right.name));
}

function tableDiff(from: ComparedTable | undefined, to: ComparedTable | undefined): TableDiff {
  const { schema, name } = to ?? from ?? { schema: "", name: "" };
  const columns = columnDiffs(from?.columns ?? [], to?.columns ?? []);
  const differs = from && to ? differences(from, to, columns) : [];
  const both = differs.length > 0 ? "changed" : "same";
  const one = from ? "removed" : "added";
  return {
    schema,
    name,
    change: from && to ? both : one,
    differs,
    kind: bothSides(from, to, ({ kind }) => kind),
    rows: bothSides(from, to, ({ rows }) => rows),
    bytes: bothSides(from, to, ({ bytes }) => bytes),
    columns,
  };
}

function bothSides<T>(
  from: ComparedTable | undefined,
  to: ComparedTable | undefined,
  of: (table: ComparedTable) => T | undefined,
): [T | null, T | null] {
  return [(from && of(from)) ?? null, (to && of(to)) ?? null];
}

function differences(from: ComparedTable, to: ComparedTable, columns: readonly ColumnDiff[]): TableDiff["differs"] {
  const differs: TableDiff["differs"] = [];
  if (from.kind !== to.kind) differs.push("kind");
  if (columns.some(({ change }) => change !== "same")) differs.push("columns");
  if (from.kind === "table" && to.kind === "table" && from.rows !== to.rows) differs.push("rows");
  if (from.fingerprint !== to.fingerprint) differs.push("content");
  if (from.kind === "view" && to.kind === "view" && from.definition !== to.definition) differs.push("definition");
  return differs;
}

/** Columns in the order of `to`, then the removed ones. As few as possible count as moved: those outside of the longest run that kept its order. */
export function columnDiffs(from: ReleaseTable["columns"], to: ReleaseTable["columns"]): ColumnDiff[] {
  const before = new Map(from.map((column, index) => [column.name, { type: typeOf(column), index }]));
  const kept = to.flatMap(({ name }) => before.get(name)?.index ?? []);
  const inOrder = longestRise(kept);
  const names = new Set(to.map(({ name }) => name));
  const present = to.map((column): ColumnDiff => {
    const old = before.get(column.name);
    const type = typeOf(column);
    if (old === undefined) return { name: column.name, change: "added", types: [null, type] };
    const place = inOrder.has(old.index) ? "same" : "moved";
    return { name: column.name, change: old.type === type ? place : "changed", types: [old.type, type] };
  });
  const removed = from.filter(({ name }) => !names.has(name));
  return [
    ...present,
    ...removed.map((column): ColumnDiff => ({ name: column.name, change: "removed", types: [typeOf(column), null] })),
  ];
}

/** The members of a longest rising subsequence of distinct numbers. */
function longestRise(numbers: readonly number[]): ReadonlySet<number> {
  /** Smallest last number of a rise of each length. */
  const tails: number[] = [];
  const previous = new Map<number, number | undefined>();
  for (const number of numbers) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tails[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    previous.set(number, tails[low - 1]);
    tails[low] = number;
  }
  const rise = new Set<number>();
  for (let last = tails.at(-1); last !== undefined; last = previous.get(last)) rise.add(last);
  return rise;
}

function typeOf({ type, nullable }: ReleaseTable["columns"][number]): string {
  return nullable ? type : `${type} NOT NULL`;
}

function byName(tables: readonly ComparedTable[]): ReadonlyMap<string, ComparedTable> {
  return new Map(tables.map((table) => [JSON.stringify([table.schema, table.name]), table]));
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
