import { join } from "node:path";
import { writeParquet } from "../../support/parquet.ts";
import { writeDatabase } from "../../support/store.ts";
import { testServer, type TestServer } from "../support/server.ts";

/** The tables that the tests ask of, by schema and name. */
export const marts: Readonly<Record<string, string>> = {
  "mart.fct_spend": `
    SELECT (range % 3)::INTEGER AS user_id, DATE '2026-01-01' + (range // 3)::INTEGER AS day,
      ['food', 'rent', 'fun'][1 + range % 3] AS Category, (range * 1.25)::DECIMAL(18, 2) AS amount,
      9007199254740993 + range AS big,
      CASE WHEN range = 4 THEN 'nan'::DOUBLE WHEN range = 5 THEN NULL ELSE range / 4 END AS ratio,
      TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (range * 8) HOUR AS loaded_at, [range, 9007199254740993] AS parts, range % 2 = 0 AS even
    FROM range(30)`,
  "mart.dim_category": `
    SELECT unnest(['food', 'rent', 'fun', 'Größe']) AS name, unnest([1, 2, 3, 4]) AS rank, unnest(['eat', 'live', NULL, 'Ü']) AS note`,
  "mart.empty": "SELECT 1 AS n, DATE '2026-01-01' AS day WHERE false",
};

/** The datasets of the configuration. */
export const datasetKeys = `
[stores.marts.datasets.spend]
table = "mart.fct_spend"
friendly_name = "Spend"
description = "What was spent"
group = "finance"
time_grain = "day"
date_column = "day"
[stores.marts.datasets.spend_filtered]
table = "mart.fct_spend"
date_column = "loaded_at"
filters = { category = { type = "enum", values = ["food", "rent"] }, amount = { type = "range" }, day = { type = "equals" }, big = { type = "list" } }
[stores.marts.datasets.dim_category]
[stores.marts.datasets.empty]
date_column = "day"
`;

/** How a store serves the same tables. */
export const modes = ["duckdb", "slots", "parquet", "single file", "parquet folder"] as const;

/** One of `modes`. */
export type Mode = (typeof modes)[number];

const keysOf: Readonly<Record<Mode, string>> = {
  duckdb: "",
  slots: 'layout = "slots"\n',
  parquet: 'artifacts = [{ kind = "parquet", path = "mart", schema = "mart" }]\n',
  "single file": 'fallback = "single.duckdb"\n',
  "parquet folder": 'fallback_parquet = "parquet"\n',
};

/** Statements that make the tables in a database. */
export const martStatements = (tables = marts): string[] => [
  "CREATE SCHEMA mart",
  ...Object.entries(tables).map(([name, sql]) => `CREATE TABLE ${name} AS ${sql}`),
];

/** A server over the tables, served in one of the ways. */
export async function martServer(
  mode: Mode,
  {
    more = "",
    store = "",
    tables = marts,
  }: { readonly more?: string; readonly store?: string; readonly tables?: Readonly<Record<string, string>> } = {},
): Promise<TestServer> {
  const config = `format = 1\n${more}[stores.marts]\nkind = "release"\ndir = "data/marts"\n${keysOf[mode]}${store}${datasetKeys}`;
  const server = await testServer(config);
  const write = (folder: string) =>
    Promise.all(
      Object.entries(tables).map(([name, sql]) => writeParquet(join(folder, `${name.replace(".", "/")}.parquet`), sql)),
    );
  if (mode === "single file") await writeDatabase(join(server.folder, "single.duckdb"), ...martStatements(tables));
  else if (mode === "parquet folder") await write(join(server.folder, "parquet"));
  else if (mode === "parquet") await server.workspace.publish("marts", async ({ dir }) => void (await write(dir)));
  else await server.publish("marts", ...martStatements(tables));
  return server;
}
