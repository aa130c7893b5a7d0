import fc from "fast-check";
import { expect, test } from "vitest";
import { Lru } from "../../../src/engine/duckdb/lru.ts";
import {
  explainedStatement,
  quoteIdentifier,
  quoteLiteral,
  readSqlText,
  statementsIn,
} from "../../../src/engine/duckdb/sql-text.ts";
import { storageVersionName, storageVersionOf } from "../../../src/engine/duckdb/storage-version.ts";
import { openSample, valueOf } from "./support.ts";

test.each<[sql: string, body: string, several: boolean]>([
  ["SELECT 1", "SELECT 1", false],
  [" ;\n SELECT 1 ; -- end", "SELECT 1", false],
  ["-- head\nSELECT 1 /* x */", "SELECT 1", false],
  ["SELECT 1; SELECT 2", "SELECT 1; SELECT 2", true],
  ["SELECT ';' ; ", "SELECT ';'", false],
  ["SELECT 'it''s; ' AS \"a;\"\"b\" ;", "SELECT 'it''s; ' AS \"a;\"\"b\"", false],
  ["SELECT $$;$$, $a$ ; $$ $a$;", "SELECT $$;$$, $a$ ; $$ $a$", false],
  ["SELECT E'\\';' ;", "SELECT E'\\';'", false],
  ["SELECT $1, $2 ;", "SELECT $1, $2", false],
  ["/* open ; ", "", false],
  ["", "", false],
])("reads %j", (sql, body, several) => {
  expect(readSqlText(sql)).toMatchObject({ body, several });
});

test.each<[sql: string, statements: [line: number, sql: string][]]>([
  ["", []],
  [" ;\n-- nothing\n;", []],
  ["SELECT 1", [[1, "SELECT 1"]]],
  [
    "-- head; \n\nSELECT 1 /* ; */ ;SELECT\n2;\n\n  SELECT 3 -- end",
    [
      [3, "SELECT 1"],
      [3, "SELECT\n2"],
      [6, "SELECT 3"],
    ],
  ],
  [
    "SELECT ';\n' AS \";\", $$;$$, E'\\';'\n;\nSELECT 2;",
    [
      [1, "SELECT ';\n' AS \";\", $$;$$, E'\\';'"],
      [4, "SELECT 2"],
    ],
  ],
  ["SELECT 1 -- a\n+ 1; ", [[1, "SELECT 1 -- a\n+ 1"]]],
])("%j as statements", (sql, statements) => {
  expect(statementsIn(sql)).toEqual(statements.map(([line, text]) => ({ line, sql: text })));
});

test("code is without comments and strings, with quoted names", () => {
  expect(readSqlText(`SELECT 'a(' || "b" -- c\n, $x$ d $x$`).code).toBe(`SELECT '' || b   , ''`);
});

test.each([
  ["EXPLAIN SELECT 1", "SELECT 1"],
  ["explain analyze\n FROM t", "FROM t"],
  ["EXPLAIN(FORMAT json) SELECT 1", "SELECT 1"],
  ["EXPLAIN (ANALYZE, FORMAT json) COPY t TO 'x'", "COPY t TO 'x'"],
  ["EXPLAIN (SELECT 1)", "(SELECT 1)"],
  ["SELECT 1", undefined],
])("%s explains %s", (sql, explained) => {
  expect(explainedStatement(sql)).toBe(explained);
});

test("any text survives as a literal and as an identifier", async () => {
  const database = await openSample();
  const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      expect(await valueOf(database, `SELECT ${quoteLiteral(value)}`)).toBe(value);
      if (value === "") return;
      const { columns } = await database.query(`SELECT 1 AS ${quoteIdentifier(value)}`, undefined, { rowsMax: 5 });
      expect(columns[0]?.name).toBe(value);
    }),
    { numRuns: 200 },
  );
});

test("a bounded map forgets what was used longest ago, and says so", () => {
  const forgotten: number[] = [];
  const map = new Lru<number>(2, (value) => forgotten.push(value));
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect(forgotten).toEqual([2]);
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
  map.set("a", 4);
  expect(forgotten).toEqual([2, 1]);
});

test("storage versions have the name of the DuckDB that first wrote them", () => {
  expect(storageVersionName(68)).toBe("v1.5.0");
  expect(storageVersionName(4711n)).toBe("4711");
  expect(storageVersionOf("v1.2.0+")).toBe("v1.2.0");
  expect(storageVersionOf(null)).toBe("unknown");
});
