import { decimalValue, listValue, uuidValue, DuckDBTimestampSecondsValue } from "@duckdb/node-api";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../../src/engine/duckdb/database.ts";
import { writeDatabase } from "../../support/store.ts";
import { engine, errorOf, openSample, valueOf } from "./support.ts";

let database: Database;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-test-"));
  const path = join(folder, "DB.duckdb");
  await writeDatabase(
    path,
    `CREATE TABLE times AS SELECT TIMESTAMP '2026-03-01 12:00:00' AS noon, TIMESTAMPTZ '2026-03-01 12:00:00+00' AS instant,
       DATE '2026-03-01' AS day, TIMESTAMP_S '2026-03-01 12:00:00' AS second`,
    "CREATE TABLE numbers AS SELECT range AS n, range / 2 AS half, range::DECIMAL(9, 2) AS price, range::UTINYINT AS small FROM range(10)",
  );
  database = await engine.open({ path, names: ["DB"], concurrency: 2, settings: {} });
});

afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each<[label: string, value: unknown, type: string]>([
  ["null", null, '"NULL"'],
  ["undefined", undefined, '"NULL"'],
  ["boolean", true, "BOOLEAN"],
  ["small number", 5, "INTEGER"],
  ["least INTEGER", -(2 ** 31), "INTEGER"],
  ["more than INTEGER", 2 ** 31, "BIGINT"],
  ["largest safe number", Number.MAX_SAFE_INTEGER, "BIGINT"],
  ["beyond safe", 2 ** 53, "DOUBLE"],
  ["fraction", 0.5, "DOUBLE"],
  ["minus zero", -0, "DOUBLE"],
  ["huge number", 1e300, "DOUBLE"],
  ["NaN", NaN, "DOUBLE"],
  ["infinity", -Infinity, "DOUBLE"],
  ["bigint", 5n, "BIGINT"],
  ["least BIGINT", -(2n ** 63n), "BIGINT"],
  ["more than BIGINT", 2n ** 63n, "HUGEINT"],
  ["largest HUGEINT", 2n ** 127n - 1n, "HUGEINT"],
  ["string", "a'b\0😀", "VARCHAR"],
  ["empty string", "", "VARCHAR"],
  ["date", new Date("2026-01-02T03:04:05.678Z"), "TIMESTAMP WITH TIME ZONE"],
  ["bytes", new Uint8Array([0, 255]), "BLOB"],
  ["part of a buffer", Buffer.from("hello").subarray(1, 3), "BLOB"],
  ["empty array", [], '"NULL"[]'],
  ["array of nulls", [null, undefined], '"NULL"[]'],
  ["array of integers", [1, null, 2], "INTEGER[]"],
  ["array of integers and fractions", [1, 0.5], "DOUBLE[]"],
  ["array of small and large", [1, 2 ** 40], "BIGINT[]"],
  ["array of numbers and bigints", [1, 2n ** 100n], "HUGEINT[]"],
  ["nested arrays", [[1], [], null, [0.5]], "DOUBLE[][]"],
  ["array of dates", [new Date(0)], "TIMESTAMP WITH TIME ZONE[]"],
  ["object", { a: 1, "x y": "z", n: null }, 'STRUCT(a INTEGER, "x y" VARCHAR, n "NULL")'],
  ["objects that lack keys", [{ a: 1 }, { b: "x" }], "STRUCT(a INTEGER, b VARCHAR)[]"],
  ["object without prototype", Object.assign(Object.create(null) as object, { a: 1 }), "STRUCT(a INTEGER)"],
  [
    "map",
    new Map([
      ["a", 1],
      ["b", 2],
    ]),
    "MAP(VARCHAR, INTEGER)",
  ],
  ["empty map", new Map(), 'MAP("NULL", "NULL")'],
  ["decimal of the driver", decimalValue(12345n, 10, 2), "DECIMAL(10,2)"],
  ["uuid of the driver", uuidValue(1n), "UUID"],
  ["driver's values in an array", [decimalValue(1n, 4, 1), decimalValue(2n, 4, 1)], "DECIMAL(4,1)[]"],
])("binds %s", async (_, value, type) => {
  expect(await valueOf(database, "SELECT typeof($1)", [value])).toBe(type);
  expect(await valueOf(database, "SELECT typeof($value)", { value })).toBe(type);
});

class Money {
  readonly amount = 1;
}

const circular: unknown[] = [];
circular.push([circular]);

test.each<[label: string, value: unknown, message: string]>([
  ["function", () => 1, "parameter $2 is a function"],
  ["symbol", Symbol("s"), "parameter $2 is a symbol"],
  ["set", new Set([1]), "class Set"],
  ["class instance", new Money(), "class Money"],
  ["regular expression", /a/, "class RegExp"],
  ["other typed array", new Float64Array([1]), "class Float64Array"],
  ["promise", Promise.resolve(1), "class Promise"],
  ["invalid date", new Date(NaN), "invalid Date"],
  ["too large a bigint", 2n ** 127n, "does not fit"],
  ["half a surrogate pair", "a\ud800", "surrogate"],
  ["itself inside", circular, "$2[0][0] holds itself"],
  ["__proto__ key", JSON.parse('{"__proto__": 1}'), "$2.__proto__"],
  ["keys that differ in case", { a: 1, A: 2 }, "only in case"],
  ["mixed array", [1, "a"], "$2[1] is text among integer"],
  ["bigint and fraction", [1n, 0.5], "is double among bigint"],
  ["date and string", [new Date(0), "x"], "is text among instant"],
  ["bad value deep inside", { rows: [{ at: [new Set()] }] }, "$2.rows[0].at[0] is an object of class Set"],
  ["null key in a map", new Map([[null, 1]]), "null key"],
  ["driver's list inside an array", [listValue([1])], "driver's nested value"],
])("refuses %s, naming the parameter", async (_, value, message) => {
  const error = await errorOf(database.query("SELECT $1, $2", [1, value], {}));
  expect(error).toMatchObject({ code: "BIND_FAILED", exit: 2, message: expect.stringContaining(message) });
  expect(await valueOf(database, "SELECT $1", [1])).toBe(1);
});

test.each<[sql: string, parameters: unknown, message: string]>([
  ["SELECT $1, $2", [1], "has 2 parameters, but 1 value was given"],
  ["SELECT $1", [1, 2, 3], "has 1 parameter, but 3 values were given"],
  ["SELECT 1", [1], "has no parameters, but 1 value was given"],
  ["SELECT ?", undefined, "has 1 parameter, but no values were given"],
  ["SELECT $a, $b", { a: 1 }, "no value for parameter $b"],
  ["SELECT $a", { a: 1, B: 2, c: 3 }, "no parameter $B, $c; it has $a"],
  ["SELECT $a", [1], "names its parameters ($a)"],
  ["SELECT 1", { a: 1 }, "no parameter $a"],
  ["SELECT $2", [1, 2], "gap"],
])("a wrong number or name is BIND_FAILED: %s with %j", async (sql, parameters, message) => {
  const error = await errorOf(database.query(sql, parameters as never, {}));
  expect(error).toMatchObject({ code: "BIND_FAILED", message: expect.stringContaining(message) });
});

test("parameters bind by ?, $1 and $name; a name used twice is one value", async () => {
  expect(await valueOf(database, "SELECT ? || ?", ["a", "b"])).toBe("ab");
  expect(await valueOf(database, "SELECT $2 || $1", ["a", "b"])).toBe("ba");
  expect(await valueOf(database, "SELECT $x || $y || $x", { y: "b", x: "a" })).toBe("aba");
  expect(await valueOf(database, "SELECT 1", {})).toBe(1);
  expect(await valueOf(database, "SELECT 1", [])).toBe(1);
});

test("a Date is its UTC time beside a TIMESTAMP, whatever the session's time zone", async () => {
  const noon = new Date("2026-03-01T12:00:00Z");
  const midnight = new Date("2026-03-01T00:00:00Z");
  for (const zone of ["UTC", "America/New_York", "Asia/Kolkata"]) {
    const zoned = await engine.open({
      path: join(folder, "DB.duckdb"),
      names: ["DB"],
      concurrency: 1,
      settings: { TimeZone: zone },
    });
    expect(await valueOf(zoned, "SELECT current_setting('TimeZone')")).toBe(zone);
    for (const sql of [
      "SELECT count(*) FROM times WHERE noon = $1",
      "SELECT count(*) FROM times WHERE instant = $1",
      "SELECT count(*) FROM times WHERE second = $1",
      "SELECT count(*) FROM times WHERE noon BETWEEN $1 AND $1::TIMESTAMP",
    ]) {
      expect.soft([zone, sql, await valueOf(zoned, sql, [noon])]).toEqual([zone, sql, "1"]);
    }
    expect(await valueOf(zoned, "SELECT count(*) FROM times WHERE day = $1", [midnight])).toBe("1");
    await zoned.close();
  }
});

test("numbers compare with columns of every numeric type, and lists work in ANY", async () => {
  expect(await valueOf(database, "SELECT count(*) FROM numbers WHERE n = $1 AND price = $1 AND small = $1", [4])).toBe("1");
  expect(await valueOf(database, "SELECT count(*) FROM numbers WHERE half > $1", [3.9])).toBe("2");
  expect(await valueOf(database, "SELECT count(*) FROM numbers WHERE n = $1", [4n])).toBe("1");
  expect(await valueOf(database, "SELECT count(*) FROM numbers WHERE n = ANY($1)", [[1, 2, 300]])).toBe("2");
  expect(await valueOf(database, "SELECT count(*) FROM numbers WHERE n = ANY($1)", [[]])).toBe("0");
  expect(await valueOf(database, "SELECT count(*) FROM numbers LIMIT $1", [1])).toBe("10");
});

test("the driver's own values are bound as they are", async () => {
  const other = await openSample();
  expect(await valueOf(other, "SELECT typeof($1)", [new DuckDBTimestampSecondsValue(0n)])).toBe("TIMESTAMP_S");
  expect(await valueOf(other, "SELECT $1", [listValue([1, 2])])).toEqual([1, 2]);
});

/** Scalars that come back from `js` values equal to what was bound. */
const scalar = fc.oneof(
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true }).filter((value) => !Number.isSafeInteger(value)),
  fc.string({ unit: "grapheme" }),
  fc.date({ noInvalidDate: true, min: new Date(-1e14), max: new Date(1e14) }),
  fc.bigInt({ min: -(2n ** 127n) + 1n, max: 2n ** 127n - 1n }),
);

const key = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom("a", "b", "c", "d", " ", "_", "-", "é") });

test("what is bound comes back: scalars, arrays of one type, objects, nested", async () => {
  const nested = fc.oneof(
    scalar,
    fc.array(fc.option(fc.integer())),
    fc.array(fc.option(fc.string({ unit: "grapheme" }))),
    fc.array(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))),
    fc.dictionary(key, fc.oneof(scalar, fc.array(fc.boolean())), { noNullPrototype: true }),
  );
  await fc.assert(
    fc.asyncProperty(nested, fc.boolean(), async (value, limited) => {
      const options = { values: "js" as const, ...(limited && { rowsMax: 1 }) };
      expect((await database.query("SELECT $1 AS v", [value], options)).rows).toEqual([[value]]);
      expect((await database.query("SELECT $v AS v", { v: value }, options)).rows).toEqual([[value]]);
    }),
    { numRuns: 300 },
  );
});

test("anything at all is bound or refused with BIND_FAILED, and the connection goes on", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      async (value) => {
        const outcome = await database.query("SELECT $1 AS v", [value], { values: "js" }).then(
          () => "bound",
          (error: unknown) => (error as { code?: string }).code,
        );
        expect(["bound", "BIND_FAILED"]).toContain(outcome);
        expect(await valueOf(database, "SELECT $1", [1])).toBe(1);
      },
    ),
    { numRuns: 500 },
  );
});
