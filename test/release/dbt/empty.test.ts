import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { writeDatabase } from "../../support/store.ts";
import { storeOf } from "../artifacts/support.ts";
import { filesOf, leaveDbtFile, modelsBuild, parquetOnly, recordIn, withDatabase } from "./support.ts";

const types =
  "1::INTEGER AS a, 'x' AS b, [1::BIGINT] AS l, {'s': 1.5::DECIMAL(9, 2)} AS st, NOW()::TIMESTAMP AS t, UUID() AS u, MAP {'k': 1} AS m";
const columns = ["a", "b", "l", "st", "t", "u", "m"];

test("FACTS 2.11: the row of NULLs of an empty model is taken out; the table keeps its columns with their types, and it is told", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, parquetOnly);
  await publish(store, modelsBuild({ "mart.full": { sql: `SELECT ${types}` } }));
  const result = await publish(store, modelsBuild({ "mart.full": { sql: `SELECT ${types} WHERE false`, empty: columns } }));
  expect(result).toMatchObject({ outcome: "switched", tables: [{ name: "full", rows: 0 }] });
  expect(result.checks.find(({ name }) => name === "dbt_empty_models")).toMatchObject({
    status: "pass",
    observed: "mart.full",
    message: "mart.full: the row of NULLs that dbt writes for an empty model was taken out",
  });
  const shape = (release: string) => recordIn(store, release).tables[0]?.columns.map(({ name, type }) => `${name} ${type}`);
  expect(shape("r000002")).toEqual(shape("r000001"));
  const reader = await readerOn(folder);
  expect((await reader.query("FROM mart.full")).rows).toEqual([]);
});

test("FACTS 2.11: an empty model in folders becomes one file; the types of its folders' columns are the active release's", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, withDatabase);
  const sql = "SELECT range AS n, range % 2 AS k, DATE '2026-01-01' AS d FROM range(4)";
  await publish(store, modelsBuild({ "mart.days": { sql, partition: "k, d" } }));
  const shape = (release: string) =>
    recordIn(store, release)
      .tables.find(({ name }) => name === "days")
      ?.columns.map(({ name, type }) => `${name} ${type}`);
  const empty = { sql: `${sql} WHERE false`, partition: "k, d", empty: ["n", "k", "d"] };
  expect(shape("r000001")?.toSorted()).toEqual(["d DATE", "k BIGINT", "n BIGINT"]);
  expect(await publish(store, modelsBuild({ "mart.days": empty }))).toMatchObject({ outcome: "switched" });
  const record = recordIn(store, "r000002");
  expect(filesOf(record)).toEqual(["DB.duckdb", "mart/days/data_0.parquet"]);
  expect(shape("r000002")).toEqual(shape("r000001"));
  await publish(store, modelsBuild({ "mart.days": { sql, partition: "k" } }));
  expect(recordIn(store, "r000003").tables.find(({ name }) => name === "days")?.rows).toBe(4);
});

test("the only row of a model that has one stays, whatever is NULL in it: its view hides nothing", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly, { checks: [{ check: "phantom_rows", severity: "warn" }] });
  const result = await publish(
    store,
    modelsBuild({
      "mart.nulls": { sql: "SELECT NULL::INTEGER AS a, NULL::VARCHAR AS b" },
      "mart.part": { sql: "SELECT NULL::INTEGER AS a, 1 AS b" },
    }),
  );
  expect(result).toMatchObject({ outcome: "switched", tables: [{ rows: 1 }, { rows: 1 }] });
  expect(result.checks.some(({ name }) => name === "dbt_empty_models")).toBe(false);
});

test("a view that hides a row of a table with others takes none of them", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly);
  const result = await publish(store, modelsBuild({ "mart.two": { sql: "SELECT 1 AS a", empty: ["a"] } }));
  expect(result).toMatchObject({ outcome: "switched", tables: [{ rows: 2 }] });
});

test("without a view the row itself tells, in what dbt's manifest calls external", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly);
  const also = ({ dir, path }: { readonly dir: string; readonly path: string }) => {
    writeFileSync(path, "unreadable");
    leaveDbtFile(dir, "manifest.json", {
      nodes: { "model.p.e": { resource_type: "model", name: "e", schema: "mart", config: { materialized: "external" } } },
    });
  };
  const result = await publish(store, modelsBuild({ "x.e": { sql: "SELECT 1 AS a WHERE false", empty: ["a"] } }, also));
  expect(result).toMatchObject({ outcome: "switched", tables: [{ schema: "mart", name: "e", rows: 0 }] });
});

test("a row of NULLs that no one of dbt's wrote is refused, as before", async () => {
  const store = storeOf(temporaryFolder(), [{ kind: "parquet", path: "mart" }]);
  const build = modelsBuild({}, async ({ path, dir }) => {
    mkdirSync(join(dir, "mart"), { recursive: true });
    await writeDatabase(path, `COPY (SELECT NULL::INTEGER AS a) TO '${dir}/mart/t.parquet' (FORMAT parquet)`);
  });
  expect(await publish(store, build)).toMatchObject({ outcome: "refused" });
});

test("rows of an earlier build beside the row of NULLs of a partitioned model refuse the build", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly);
  const sql = "SELECT range AS n, range % 2 AS k FROM range(4)";
  await publish(store, modelsBuild({ "mart.days": { sql, partition: "k" } }));
  const empty = { sql: `${sql} WHERE false`, partition: "k", empty: ["n", "k"] };
  const result = await publish(store, modelsBuild({ "mart.days": empty }), { base: "active" });
  expect(result.outcome).toBe("refused");
  expect(result.checks.find(({ name }) => name === "dbt_empty_models")?.message).toContain(
    "mart.days: dbt found the model empty, and rows of an earlier build lie beside its row of NULLs",
  );
});

test("a partition of NULLs with rows of its own stays, beside others and alone", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly);
  const sql = "SELECT range AS n, nullif(range % 2, 0) AS k FROM range(3)";
  await publish(store, modelsBuild({ "mart.days": { sql, partition: "k" } }));
  await publish(store, modelsBuild({ "mart.days": { sql: `${sql} LIMIT 1`, partition: "k" } }));
  expect(["r000001", "r000002"].map((release) => recordIn(store, release).tables[0]?.rows)).toEqual([3, 1]);
});
