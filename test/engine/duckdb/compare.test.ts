import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const engine = duckdbEngine(nodePlatform());

/** A database made by statements, open under the name `DB`. */
async function openWith(...statements: string[]) {
  const path = join(temporaryFolder(), "DB.duckdb");
  await writeDatabase(path, ...statements);
  const database = await engine.open({ path, names: ["DB"], concurrency: 1, settings: {} });
  onTestFinished(() => database.close());
  return database;
}

const table = (name: string, schema = "main") => ({ catalogue: "DB", schema, name });

test("FACTS 3.3: a fingerprint is of all columns and rows, of no order, and two changes do not cancel each other", async () => {
  const make = (name: string, rows: string) => `CREATE TABLE ${name} AS SELECT * FROM (VALUES ${rows}) AS v(a, b)`;
  const database = await openWith(
    make("base", "(1, 'x'), (2, 'y'), (3, NULL), (3, NULL)"),
    make("turned", "(3, NULL), (2, 'y'), (3, NULL), (1, 'x')"),
    make("later", "(1, 'x'), (2, 'y'), (3, NULL), (4, NULL)"),
    make("second", "(1, 'x'), (2, 'z'), (3, NULL), (3, NULL)"),
    make("crossed", "(1, 'y'), (2, 'x'), (3, NULL), (3, NULL)"),
    // What xor alone would not see: a pair replaced by another pair.
    make("pairs", "(1, 'x'), (2, 'y'), (7, NULL), (7, NULL)"),
    make("turned_columns", "('x', 1), ('y', 2), (NULL, 3), (NULL, 3)"),
  );
  const columns = [{ name: "a" }, { name: "b" }];
  const of = (name: string) => engine.fingerprint(database, { ...table(name), columns }, {});
  const base = await of("base");
  expect(await of("turned")).toBe(base);
  const others = await Promise.all(["later", "second", "crossed", "pairs", "turned_columns"].map(of));
  expect(new Set([base, ...others]).size).toBe(6);
});

test("names with quotes, nested types, no rows and thousands of columns", async () => {
  const wide = Array.from({ length: 2000 }, (_, index) => `${index} AS c${index}`).join(", ");
  const database = await openWith(
    `CREATE SCHEMA "we.ird"`,
    `CREATE TABLE "we.ird"."ta""ble'x" AS SELECT 5 AS "co""l", {'k': [1, NULL]} AS s, map([1], ['a']) AS m, DATE '2026-01-01' AS d`,
    `CREATE TABLE empty (a INTEGER NOT NULL)`,
    `CREATE TABLE wide AS SELECT ${wide}`,
    `CREATE VIEW broken AS SELECT a FROM empty`,
    `CREATE VIEW v AS SELECT a + 1 AS b FROM empty`,
    `DROP TABLE empty`,
    `CREATE TABLE empty (b INTEGER NOT NULL)`,
  );
  const catalogue = await engine.catalogue(database, "DB");
  expect(catalogue.map(({ name, kind, rows, definition }) => [name, kind, rows, definition === undefined])).toEqual([
    ["broken", "view", undefined, false],
    ["empty", "table", 0, true],
    ["v", "view", undefined, false],
    ["wide", "table", 1, true],
    [`ta"ble'x`, "table", 1, true],
  ]);
  for (const found of catalogue.filter(({ kind }) => kind === "table")) {
    const fingerprint = await engine.fingerprint(database, { ...found, catalogue: "DB" }, {});
    expect(fingerprint).toMatch(new RegExp(`^\\["${found.rows}",`));
  }
  expect(await engine.tableBytes(database, table(`ta"ble'x`, "we.ird"), {})).toBeUndefined();
});

test("bytes are whole blocks of the file, and more for more data", async () => {
  const database = await openWith(
    "CREATE TABLE large AS SELECT range AS n, hash(range) AS h FROM range(200000)",
    `CREATE SCHEMA "a b"; CREATE TABLE "a b".t AS SELECT hash(range) AS h FROM range(100000)`,
    "CREATE TABLE nothing (n INTEGER)",
  );
  const large = (await engine.tableBytes(database, table("large"), {})) ?? 0;
  const less = (await engine.tableBytes(database, table("t", "a b"), {})) ?? 0;
  expect([large % 262_144, less % 262_144]).toEqual([0, 0]);
  expect(large).toBeGreaterThan(less);
  expect(less).toBeGreaterThan(700_000);
  expect(await engine.tableBytes(database, table("nothing"), {})).toBe(0);
});
