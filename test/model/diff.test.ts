import fc from "fast-check";
import { expect, test } from "vitest";
import { columnDiffs, diffTables, needsContent, type ComparedTable } from "../../src/model/diff.ts";

const column = (name: string, type = "INTEGER", nullable = true) => ({ name, type, nullable });

function table(name: string, more: Partial<ComparedTable> = {}): ComparedTable {
  return { schema: "main", name, kind: "table", rows: 1, columns: [column("n")], bytes: 10, fingerprint: "x", ...more };
}

const view = (name: string, definition: string): ComparedTable => ({
  schema: "main",
  name,
  kind: "view",
  columns: [column("n")],
  definition,
});

const changesOf = (from: string, to: string) =>
  columnDiffs(
    from.split("").map((name) => column(name)),
    to.split("").map((name) => column(name)),
  ).map(({ name, change }) => `${name} ${change}`);

test("tables are added, removed, changed or the same, by schema and name", () => {
  const from = [table("gone"), table("kept"), table("grown"), table("other", { schema: "a" })];
  const to = [
    table("grown", { rows: 2, bytes: 20, fingerprint: undefined }),
    table("kept"),
    table("new"),
    table("other", { schema: "a" }),
  ];
  const diffs = diffTables(from, to);
  expect(diffs.map(({ schema, name, change, differs }) => `${schema}.${name} ${change} ${differs.join()}`.trim())).toEqual([
    "a.other same",
    "main.gone removed",
    "main.grown changed rows,content",
    "main.kept same",
    "main.new added",
  ]);
  expect(diffs[1]).toMatchObject({
    kind: ["table", null],
    rows: [1, null],
    bytes: [10, null],
    columns: [{ types: ["INTEGER", null] }],
  });
  expect(diffs[2]).toMatchObject({ rows: [1, 2], bytes: [10, 20] });
});

test("equal columns and counts are not enough: other values are a change", () => {
  const [from, to] = [table("t"), table("t", { fingerprint: "y" })];
  expect(needsContent(from, to)).toBe(true);
  expect(diffTables([from], [to])).toMatchObject([{ change: "changed", differs: ["content"] }]);
});

test("content is looked at only where nothing else tells", () => {
  const t = table("t");
  expect(needsContent(t, table("t", { rows: 2 }))).toBe(false);
  expect(needsContent(t, table("t", { columns: [column("n", "BIGINT")] }))).toBe(false);
  expect(needsContent(view("t", "a"), view("t", "a"))).toBe(false);
});

test("a view is the same with its columns and its statement; one that became a table is changed", () => {
  expect(diffTables([view("v", "SELECT 1")], [view("v", "SELECT 1")])).toMatchObject([{ change: "same", rows: [null, null] }]);
  expect(diffTables([view("v", "SELECT 1")], [view("v", "SELECT 2")])).toMatchObject([{ differs: ["definition"] }]);
  expect(diffTables([view("v", "SELECT 1")], [table("v", { fingerprint: undefined })])).toMatchObject([
    { change: "changed", differs: ["kind"], kind: ["view", "table"], rows: [null, 1] },
  ]);
});

test("types and NOT NULL are told from both sides", () => {
  const from = [column("a"), column("b", "VARCHAR"), column("c")];
  const to = [column("a", "BIGINT"), column("b", "VARCHAR", false), column("c")];
  expect(columnDiffs(from, to)).toEqual([
    { name: "a", change: "changed", types: ["INTEGER", "BIGINT"] },
    { name: "b", change: "changed", types: ["VARCHAR", "VARCHAR NOT NULL"] },
    { name: "c", change: "same", types: ["INTEGER", "INTEGER"] },
  ]);
});

test("of columns in another order only those are moved that left the others' order", () => {
  expect(changesOf("abcd", "bcda")).toEqual(["b same", "c same", "d same", "a moved"]);
  expect(changesOf("abc", "xacb")).toEqual(["x added", "a same", "c moved", "b same"]);
  expect(changesOf("abc", "ca")).toEqual(["c moved", "a same", "b removed"]);
});

test("a pair of names that only together read alike are two tables", () => {
  const from = [table("b.c", { schema: "a" })];
  const to = [table("c", { schema: "a.b" })];
  expect(diffTables(from, to).map(({ change }) => change)).toEqual(["removed", "added"]);
});

test("any order of columns: each is told once, and what is not moved rises", () => {
  const names = fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 12 });
  fc.assert(
    fc.property(names, names, (from, to) => {
      const diffs = columnDiffs(
        from.map((name) => column(name)),
        to.map((name) => column(name)),
      );
      expect(diffs.map(({ name }) => name).toSorted()).toEqual([...new Set([...from, ...to])].toSorted());
      const places = diffs.flatMap(({ name, change }) => (change === "same" ? [from.indexOf(name)] : []));
      expect(places).toEqual(places.toSorted((left, right) => left - right));
      const same = diffs.every(({ change }) => change === "same");
      expect(same).toBe(from.join("\0") === to.join("\0") && from.length === to.length);
    }),
  );
});
