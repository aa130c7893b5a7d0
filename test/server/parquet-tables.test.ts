import { join } from "node:path";
import { expect, test } from "vitest";
import { ParquetStore, type WrittenTable } from "../reader/support/parquet-store.ts";
import { testServer } from "./support/server.ts";

const big: WrittenTable = {
  schema: "mart",
  name: "big",
  path: "mart/big",
  columns: [
    ["v", "BIGINT"],
    ["half", "VARCHAR"],
  ],
  files: {
    "mart/big/one.parquet": "SELECT range AS v, 'first' AS half FROM range(1000)",
    "mart/big/two.parquet": "SELECT 1000 + range AS v, 'second' AS half FROM range(1000)",
  },
};

test("tables of Parquet files are listed, described and paged beside those of the DuckDB file", async () => {
  const { folder, json } = await testServer();
  const store = new ParquetStore(join(folder, "data/holdings"));
  await store.publish({ database: ["CREATE SCHEMA mart", "CREATE TABLE mart.own AS SELECT 1 AS a"], tables: [big] });
  expect((await json("/v1/stores/holdings/tables")).body["tables"]).toEqual([
    { schema: "mart", name: "big", kind: "table", rows: 2000 },
    { schema: "mart", name: "own", kind: "table", rows: 1 },
  ]);
  const one = (await json("/v1/stores/holdings/tables/big")).body;
  expect(Object.keys(one).toSorted()).toEqual(["columns", "kind", "name", "release", "rows", "schema", "version"]);
  const rows = "/v1/stores/holdings/tables/mart.big/rows?select=v&limit=900";
  for (const [sort, expected] of [
    ["", Array.from({ length: 2000 }, (_, index) => index)],
    ["&sort=-half", Array.from({ length: 2000 }, (_, index) => (index + 1000) % 2000)],
  ] as const) {
    const seen: number[] = [];
    let next: string | undefined;
    do {
      const { body, status } = await json(`${rows}${sort}${next === undefined ? "" : `&page=${next}`}`);
      expect(status).toBe(200);
      seen.push(...(body["rows"] as unknown[][]).map(([v]) => Number(v)));
      next = body["next"] as string | undefined;
    } while (next !== undefined);
    expect(seen).toEqual(expected);
  }
});

test("a release of Parquet alone has its tables", async () => {
  const { folder, json } = await testServer();
  const store = new ParquetStore(join(folder, "data/holdings"));
  await store.publish({ tables: [big] });
  expect((await json("/v1/stores/holdings/tables")).body["tables"]).toEqual([
    { schema: "mart", name: "big", kind: "table", rows: 2000 },
  ]);
  expect((await json("/v1/stores/holdings/tables/big/rows?where.v.ge=1999")).body["rows"]).toEqual([["1999", "second"]]);
});
