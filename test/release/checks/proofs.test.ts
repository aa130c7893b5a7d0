import fc from "fast-check";
import { expect, test } from "vitest";
import { databaseWith, resultOf, resultsOf } from "./support.ts";

/** Enough rows that a proof without a table of all keys is tried. */
const many = 150_000;

/** In no order: 7919 is prime and does not divide the number of rows. */
const shuffled = `((range * 7919) % ${many})`;

const unique = (table: string, ...columns: string[]) => ({ check: "unique", table, columns });

/** Each pair of a number and a text once, in no order, and the same with one row twice. */
const pairs = (number: string, text: string) => [
  `CREATE TABLE t AS SELECT ${number} AS n, ${text} AS x FROM range(${many})`,
  "CREATE TABLE twice AS SELECT * FROM t UNION ALL (SELECT * FROM t LIMIT 1 OFFSET 75000)",
];

test.each([
  ["a number and a text", `${shuffled} % 3000`, `'asset ' || (${shuffled} // 3000)`],
  ["negative numbers", `(${shuffled} % 3000) - 1500`, `'asset ' || (${shuffled} // 3000)`],
  ["small numbers", `((${shuffled} % 256) - 128)::TINYINT`, `(${shuffled} // 256)::VARCHAR`],
  ["the highest numbers", `9223372036854775807 - (${shuffled} % 3000)`, `'asset ' || (${shuffled} // 3000)`],
  ["the lowest numbers", `(${shuffled} % 3000) - 9223372036854775807 - 1`, `'asset ' || (${shuffled} // 3000)`],
  ["two numbers", `${shuffled} % 3000`, `(${shuffled} // 3000)`],
  ["a day", `${shuffled} % 3000`, `DATE '2026-01-01' + (${shuffled} // 3000)::INTEGER`],
  ["a floating number", `${shuffled} % 3000`, `(${shuffled} // 3000) / 4`],
])("a key of %s in no order: passes, and one duplicate is found", async (_, number, text) => {
  const path = await databaseWith(...pairs(number, text));
  for (const columns of [
    ["n", "x"],
    ["x", "n"],
  ]) {
    expect(await resultOf(path, unique("t", ...columns))).toMatchObject({ status: "pass" });
    expect(await resultOf(path, unique("twice", ...columns))).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
  }
});

test("a row with a NULL in the key counts for no proof", async () => {
  const path = await databaseWith(
    ...pairs(`${shuffled} % 3000`, `'asset ' || (${shuffled} // 3000)`),
    "CREATE TABLE nulls AS SELECT * FROM t UNION ALL SELECT NULL, 'asset 1' FROM range(3) UNION ALL SELECT 7, NULL FROM range(3)",
    "CREATE TABLE added AS SELECT * FROM nulls UNION ALL (SELECT * FROM t LIMIT 1 OFFSET 75000)",
  );
  expect(await resultOf(path, unique("nulls", "n", "x"))).toMatchObject({ status: "pass" });
  expect(await resultOf(path, unique("added", "n", "x"))).toMatchObject({ status: "fail", observed: "1 key in 2 rows" });
});

test.each(["NOCASE", "NOACCENT", "NOCASE.NOACCENT"])("texts that a collation %s takes for one are one", async (collation) => {
  const other = collation === "NOACCENT" ? "ä" : "A";
  const path = await databaseWith(
    `CREATE TABLE t (n BIGINT, x VARCHAR COLLATE ${collation})`,
    `INSERT INTO t SELECT ${shuffled} % 75000, CASE WHEN ${shuffled} < 75000 THEN 'a' ELSE '${other}' END FROM range(${many})`,
    "CREATE VIEW v AS SELECT * FROM t",
  );
  for (const table of ["t", "v"])
    expect(await resultOf(path, unique(table, "n", "x"))).toMatchObject({
      status: "fail",
      observed: "75,000 keys in 150,000 rows",
    });
});

test("NaN equals NaN, and -0 is 0, in whatever way it is looked", async () => {
  const path = await databaseWith(
    ...["'NaN'::DOUBLE, '-nan'::DOUBLE", "0.0::DOUBLE, '-0.0'::DOUBLE"].map(
      (two, index) =>
        `CREATE TABLE t${index} AS SELECT ${shuffled} % 75000 AS n, [${two}][1 + (${shuffled} // 75000)::INTEGER] AS x FROM range(${many})`,
    ),
  );
  for (const table of ["t0", "t1"])
    expect(await resultOf(path, unique(table, "n", "x"))).toMatchObject({ observed: "75,000 keys in 150,000 rows" });
});

test("random keys: the answer is that of a table of all keys", async () => {
  const key = fc.record({
    modulus: fc.integer({ min: 1_000, max: 160_000 }),
    factor: fc.constantFrom(1, 7919, 104_729),
    divisor: fc.integer({ min: 1_000, max: 160_000 }),
    nulls: fc.constantFrom(0, 1, 97),
    low: fc.constantFrom("0", "-70000", "9223372036854000000", "(-9223372036854775807)"),
  });
  await fc.assert(
    fc.asyncProperty(key, async ({ modulus, factor, divisor, nulls, low }) => {
      const number = `${low} + ((range * ${factor}) % ${modulus})`;
      const text = `'x' || ((range * ${factor}) // ${divisor}) % 5000`;
      const isNull = nulls === 0 ? "false" : `range % ${nulls + 1} = 0`;
      const path = await databaseWith(
        `CREATE TABLE t AS SELECT CASE WHEN ${isNull} THEN NULL ELSE ${number} END AS n, ${text} AS x FROM range(${many})`,
        "CREATE TABLE expected AS SELECT count(*) AS keys FROM (SELECT 1 FROM t WHERE n IS NOT NULL AND x IS NOT NULL GROUP BY n, x HAVING count(*) > 1)",
        "CREATE TABLE alone AS SELECT count(*) AS keys FROM (SELECT 1 FROM t WHERE n IS NOT NULL GROUP BY n HAVING count(*) > 1)",
      );
      const none = (table: string) => ({ check: "sql", query: `SELECT * FROM ${table} WHERE keys > 0` });
      const results = await resultsOf(path, [unique("t", "n", "x"), none("expected"), unique("t", "n"), none("alone")]);
      const [both, expectedBoth, single, expectedSingle] = results.map(({ status }) => status);
      expect([both, single]).toEqual([expectedBoth, expectedSingle]);
    }),
    { numRuns: 12 },
  );
});

test("references of many rows to few: every value is looked for once, and the rows of a missing one are counted", async () => {
  const path = await databaseWith(
    "CREATE TABLE parent AS SELECT range::INTEGER AS id, 'K' || range AS name FROM range(100)",
    `CREATE TABLE t AS SELECT CASE WHEN range % 7 = 0 THEN NULL ELSE range % 100 END AS id, 'K' || (range % 100) AS name FROM range(${many})`,
    "CREATE TABLE lost AS SELECT * FROM t UNION ALL SELECT 100, 'k1' FROM range(3)",
    "CREATE TABLE folded (name VARCHAR COLLATE NOCASE)",
    "INSERT INTO folded SELECT name FROM lost",
  );
  const references = (table: string, column: string) => ({ check: "references", table, column, to: `parent.${column}` });
  expect(await resultOf(path, references("t", "id"))).toMatchObject({ status: "pass" });
  expect(await resultOf(path, references("t", "name"))).toMatchObject({ status: "pass" });
  expect(await resultOf(path, references("lost", "id"))).toMatchObject({ observed: '3 rows without one, such as "100"' });
  expect(await resultOf(path, references("lost", "name"))).toMatchObject({ observed: '3 rows without one, such as "k1"' });
  expect(await resultOf(path, references("folded", "name"))).toMatchObject({ status: "pass" });
});

test("accepted texts compare under the column's collation", async () => {
  const path = await databaseWith(
    "CREATE TABLE t (x VARCHAR COLLATE NOCASE, y VARCHAR)",
    "INSERT INTO t VALUES ('ADD', 'ADD'), ('add', 'add'), (NULL, NULL)",
  );
  const accepted = (column: string) => ({ check: "accepted", table: "t", column, values: ["add"] });
  expect(await resultOf(path, accepted("x"))).toMatchObject({ status: "pass" });
  expect(await resultOf(path, accepted("y"))).toMatchObject({ status: "fail", observed: '1 row with "ADD"' });
});
