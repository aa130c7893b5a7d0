import { dirname, join } from "node:path";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { CheckResult } from "../../../src/model/check.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { allResults, databaseWith, hostileNames, look, quoted } from "./support.ts";

const of = (results: readonly CheckResult[], check: string): CheckResult => {
  const found = results.filter((result) => result.check === check);
  if (found.length !== 1 || !found[0]) throw new Error(`one ${check} expected, found ${found.length}`);
  return found[0];
};

test("a plain database passes every check that always runs", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT 1 AS n", "CREATE VIEW v AS SELECT n FROM t");
  const results = await allResults(path);
  expect(results.map(({ check, status }) => [check, status])).toEqual([
    ["opens", "pass"],
    ["storage_version", "pass"],
    ["no_log", "pass"],
    ["views", "pass"],
    ["view_catalogues", "pass"],
    ["view_files", "pass"],
    ["phantom_rows", "pass"],
  ]);
});

test("FACTS 2.7: a view that names its catalogue works for readers and is told, with its name", async () => {
  const path = await databaseWith(
    "CREATE TABLE t AS SELECT 1 AS n",
    `CREATE VIEW ${quoted(hostileNames[0])} AS SELECT * FROM "DB"."main"."t"`,
    "CREATE VIEW fine AS SELECT * FROM main.t",
  );
  const results = await allResults(path);
  expect(of(results, "views")).toMatchObject({ status: "pass" });
  expect(of(results, "view_catalogues")).toMatchObject({
    status: "fail",
    severity: "warn",
    table: `main.${hostileNames[0]}`,
    observed: `1: main.${hostileNames[0]}`,
    message: expect.stringContaining('Catalog "DB" does not exist'),
  });
});

test("FACTS 2.7: a view that names another catalogue does not bind, and refuses", async () => {
  const folder = temporaryFolder();
  const [path, other] = [join(folder, "DB.duckdb"), join(folder, "other.duckdb")];
  await writeDatabase(other, "CREATE TABLE t AS SELECT 1 AS n");
  await writeDatabase(path, `ATTACH '${other}' AS other`, "CREATE VIEW v AS SELECT * FROM other.t");
  expect(of(await allResults(path), "views")).toMatchObject({ status: "fail", severity: "error", table: "main.v" });
});

test.each([
  ["read_parquet", (file: string) => `CREATE VIEW v AS SELECT * FROM read_parquet('${file}')`],
  ["a path as a table", (file: string) => `CREATE VIEW v AS SELECT * FROM '${file}'`],
  [
    "a macro",
    (file: string) => `CREATE MACRO m() AS TABLE SELECT * FROM read_parquet('${file}'); CREATE VIEW v AS SELECT * FROM m()`,
  ],
  ["a pattern", (file: string) => `CREATE VIEW v AS SELECT * FROM read_parquet('${dirname(file)}/*.parquet')`],
])("FACTS 2.14: a view over the build's folder (%s) still binds during the checks, and refuses all the same", async (_, view) => {
  const folder = temporaryFolder();
  const path = join(folder, "DB.duckdb");
  const file = join(folder, "mart's.parquet");
  await writeDatabase(path, `COPY (SELECT 1 AS n) TO '${file.replaceAll("'", "''")}'`, view(file.replaceAll("'", "''")));
  const results = await allResults(path, [], { buildFolder: folder });
  expect(of(results, "views")).toMatchObject({ status: "pass" });
  expect(of(results, "view_files")).toMatchObject({
    status: "fail",
    severity: "error",
    table: "main.v",
    message: expect.stringContaining("goes with the build"),
  });
});

test("FACTS 2.14: a build folder that the build spells without its links is the same folder", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "link"));
  const path = join(folder, "link", "DB.duckdb");
  const file = join(folder, "real", "x.parquet");
  await writeDatabase(path, `COPY (SELECT 1 AS n) TO '${file}'`, `CREATE VIEW v AS SELECT * FROM '${file}'`);
  const results = await allResults(path, [], { buildFolder: join(folder, "link") });
  expect(of(results, "view_files")).toMatchObject({ status: "fail", severity: "error" });
});

test("a view over files elsewhere is told; a path that is only a text is none", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "x.parquet");
  const path = await databaseWith(`COPY (SELECT 1 AS n) TO '${file}'`, `CREATE VIEW v AS SELECT * FROM '${file}'`);
  expect(of(await allResults(path, [], { buildFolder: dirname(path) }), "view_files")).toMatchObject({
    status: "fail",
    severity: "warn",
    table: "main.v",
  });
  const harmless = await databaseWith(`CREATE VIEW v AS SELECT '${folder}' AS folder`);
  expect(of(await allResults(harmless, [], { buildFolder: folder }), "view_files")).toMatchObject({ status: "pass" });
});

test("FACTS 2.11: a table whose only row is NULL throughout refuses, and can be looked at", async () => {
  const path = await databaseWith(
    "CREATE SCHEMA mart",
    ...hostileNames.map((name) => `CREATE TABLE ${quoted(name)} AS SELECT 0 AS ${quoted(name)}`),
    `CREATE TABLE mart.${quoted(hostileNames[0])} AS SELECT NULL::INT AS ${quoted(hostileNames[0])}, NULL::VARCHAR[] AS list`,
  );
  const result = of(await allResults(path), "phantom_rows");
  expect(result).toMatchObject({
    status: "fail",
    severity: "error",
    table: `mart.${hostileNames[0]}`,
    observed: `mart.${hostileNames[0]}`,
  });
  expect(await look(path, result)).toEqual([[null, null]]);
});

test("FACTS 2.11: an empty table, a row with a value, and two rows of NULLs are no phantoms", async () => {
  const path = await databaseWith(
    "CREATE TABLE empty (a INTEGER)",
    "CREATE TABLE one AS SELECT NULL::INT AS a, 0 AS b",
    "CREATE TABLE two AS SELECT NULL::INT AS a FROM range(2)",
    "CREATE VIEW v AS SELECT NULL::INT AS a",
  );
  expect(of(await allResults(path), "phantom_rows")).toMatchObject({ status: "pass" });
});

test("a row of NULLs that is meant is excepted, or told only", async () => {
  const path = await databaseWith("CREATE TABLE totals AS SELECT max(range) AS n FROM range(0)");
  const excepted = await allResults(path, [{ check: "phantom_rows", except: ["main.Totals"] }]);
  expect(of(excepted, "phantom_rows")).toMatchObject({ status: "pass" });
  const warned = await allResults(path, [{ check: "phantom_rows", severity: "warn", except: ["other"] }]);
  expect(of(warned, "phantom_rows")).toMatchObject({ status: "fail", severity: "warn", table: "totals" });
});

test("more tables of one row than one statement asks for", async () => {
  const tables = Array.from(
    { length: 130 },
    (_, index) => `CREATE TABLE t${index} AS SELECT ${index % 64 === 60 ? "NULL::INT" : index} AS n`,
  );
  const result = of(await allResults(await databaseWith(...tables)), "phantom_rows");
  expect(result).toMatchObject({ status: "fail", observed: "t124, t60" });
});

test("FACTS 2.6: a write-ahead log beside the file is told; an empty one holds nothing", async () => {
  const path = await databaseWith("CREATE TABLE t AS SELECT 1 AS n");
  writeFileSync(`${path}.wal`, "");
  expect(of(await allResults(path), "no_log")).toMatchObject({ status: "pass" });
  // Of another file: the engine passes over it or refuses the file, and either way the build is refused.
  const other = await databaseWith("CREATE TABLE u AS SELECT 1 AS n");
  renameSync(other, `${path}.wal`);
  const results = await allResults(path);
  expect(results.some(({ check, status }) => ["no_log", "opens"].includes(check) && status === "fail")).toBe(true);
});
