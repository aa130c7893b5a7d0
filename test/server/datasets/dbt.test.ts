import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BuildContext } from "../../../src/release/store.ts";
import { writeParquet } from "../../support/parquet.ts";
import { writeDatabase } from "../../support/store.ts";
import { testServer, type TestServer } from "../support/server.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const tokens = [
  `[[tokens]]\nname = "seven"\nsha256 = "${hash("seven")}"\nlevel = "read"\nclaims = { user_id = "7" }\n`,
  `[[tokens]]\nname = "boss"\nsha256 = "${hash("boss")}"\nlevel = "admin"\n`,
].join("");

const config = (more = "", keys = "") => `format = 1\n${tokens}[stores.marts]\nkind = "release"\ndir = "data"\n${more}${keys}`;

const model = (name: string, meta: object, more: object = {}) => ({
  resource_type: "model",
  name,
  alias: name,
  schema: "main_mart",
  description: `What ${name} holds`,
  columns: { user_id: { name: "user_id", description: "Whose it is" }, note: { name: "NOTE", description: "" } },
  config: { meta, enabled: true },
  meta: {},
  ...more,
});

type Nodes = Readonly<Record<string, object>>;

const nodes: Nodes = {
  "model.shop.fct_spend": model("fct_spend", {
    dataset: true,
    friendly_name: "Spend",
    group: "finance",
    time_grain: "day",
    date_column: "day",
    scope_column: "user_id",
    filters: { note: { type: "enum", values: ["a", "b"] }, amount: "range" },
  }),
  "model.shop.dim_word": model("dim_word", { dataset: "words", filters: ["word"] }),
  // Before dbt 1.10 meta stood beside config.
  "model.shop.old_style": model("old_style", {}, { meta: { dataset: true } }),
  "model.shop.private": model("private", {}),
  "test.shop.any": { resource_type: "test", name: "any", meta: { dataset: true } },
};

const catalog = {
  nodes: {
    "model.shop.fct_spend": {
      columns: { USER_ID: { name: "USER_ID", comment: "of the catalogue" }, NOTE: { name: "NOTE", comment: "A note" } },
    },
  },
};

/** What dbt leaves in a build's folder. */
function leaveTarget(dir: string, files: Readonly<Record<string, unknown>>): void {
  const target = join(dir, "dbt-target");
  mkdirSync(target, { recursive: true });
  for (const [name, value] of Object.entries(files))
    writeFileSync(join(target, name), typeof value === "string" ? value : JSON.stringify(value));
}

const tables = (tag: string): Readonly<Record<string, string>> => ({
  fct_spend: `SELECT * FROM (VALUES (7, DATE '2026-01-01', 'a', 1.5), (8, DATE '2026-01-01', 'b', 2.5)) t(user_id, day, note, amount)`,
  dim_word: `SELECT '${tag}' AS word`,
  old_style: "SELECT 1 AS n",
  private: "SELECT 1 AS n",
});

async function database({ path }: BuildContext, tag = "x"): Promise<void> {
  const all = Object.entries(tables(tag)).map(([name, sql]) => `CREATE TABLE main_mart.${name} AS ${sql}`);
  await writeDatabase(path, "CREATE SCHEMA main_mart", ...all);
}

const as = (server: TestServer, token: string, path: string) =>
  server.json(path, { headers: { Authorization: `Bearer ${token}` } });

async function built(
  more = "",
  keys = "",
  files: Readonly<Record<string, unknown>> = { "manifest.json": { nodes }, "catalog.json": catalog },
) {
  const server = await testServer(config(more, keys));
  const publish = (left: Readonly<Record<string, unknown>> | undefined, tag?: string) =>
    server.workspace.publish("marts", async (build) => {
      await database(build, tag);
      if (left) leaveTarget(build.dir, left);
    });
  return { server, publish, first: await publish(files) };
}

test.each(["", 'layout = "slots"\n'])(
  "datasets come from dbt's meta, described by its schema files and its catalogue (%j)",
  async (layout) => {
    const { server, first } = await built(layout);
    expect(first.outcome).toBe("switched");
    expect(first.checks.find(({ check }) => check === "dbt_datasets")).toMatchObject({ status: "pass", observed: "3 datasets" });
    const { body } = await as(server, "seven", "/api/analytics/datasets");
    expect(body).toEqual({
      total: 3,
      datasets: [
        {
          id: "fct_spend",
          dataset_name: "fct_spend",
          friendly_name: "Spend",
          description: "What fct_spend holds",
          group: "finance",
          time_grain: "day",
        },
        {
          id: "old_style",
          dataset_name: "old_style",
          friendly_name: "Old style",
          description: "What old_style holds",
          group: null,
          time_grain: null,
        },
        {
          id: "words",
          dataset_name: "dim_word",
          friendly_name: "Dim word",
          description: "What dim_word holds",
          group: null,
          time_grain: null,
        },
      ],
    });
    const schema = await as(server, "seven", "/api/analytics/datasets/fct_spend/schema");
    expect(schema.body["columns"]).toEqual([
      { name: "user_id", data_type: "INTEGER", description: "Whose it is" },
      { name: "day", data_type: "DATE", description: null },
      { name: "note", data_type: "VARCHAR", description: "A note" },
      { name: "amount", data_type: "DECIMAL(2,1)", description: null },
    ]);
    const rows = await as(server, "seven", "/api/analytics/datasets/fct_spend/query?amount_max=2&start_date=2026-01-01");
    expect(rows.body["rows"]).toEqual([{ user_id: 7, day: "2026-01-01", note: "a", amount: 1.5 }]);
    for (const query of ["note=c", "user_id=7", "amount=1.5"])
      expect([query, (await as(server, "seven", `/api/analytics/datasets/fct_spend/query?${query}`)).status]).toEqual([
        query,
        400,
      ]);
    expect((await as(server, "boss", "/api/analytics/datasets/fct_spend/query")).status).toBe(403);
    expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows")).status).toBe(403);
    expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.private/rows")).status).toBe(200);
  },
);

test("dbt's files are kept with the release, and its record names them", async () => {
  const { server } = await built();
  const record = await server.workspace.release("marts", "r000001");
  expect(record.provenance?.map(({ path }) => path)).toEqual([
    "releases/r000001/dbt-target/manifest.json",
    "releases/r000001/dbt-target/catalog.json",
  ]);
  for (const { path, bytes, sha256 } of record.provenance ?? []) {
    const kept = readFileSync(join(server.folder, "data", path));
    expect([path, kept.length, createHash("sha256").update(kept).digest("hex")]).toEqual([path, bytes, sha256]);
  }
  expect((await server.workspace.path("marts")).files).toEqual([join(server.folder, "data/releases/r000001/marts.duckdb")]);
  expect((await server.workspace.check("marts")).checks.every(({ status }) => status !== "fail")).toBe(true);
  expect(existsSync(join(server.folder, "data/releases/r000001/dbt-target/run_results.json"))).toBe(false);
});

test("tables of Parquet files are found by their names, whatever dbt's schema is called", async () => {
  const server = await testServer(config('artifacts = [{ kind = "parquet", path = "mart", schema = "mart" }]\n'));
  await server.workspace.publish("marts", async ({ dir }) => {
    for (const [name, sql] of Object.entries(tables("p"))) await writeParquet(join(dir, `mart/${name}.parquet`), sql);
    leaveTarget(dir, { "manifest.json": { nodes } });
  });
  expect((await as(server, "seven", "/api/analytics/datasets/words/query")).body["rows"]).toEqual([{ word: "p" }]);
  expect((await as(server, "seven", "/api/analytics/datasets/fct_spend/query")).body["row_count"]).toBe(1);
  expect((await as(server, "seven", "/v1/stores/marts/tables/mart.fct_spend/rows")).status).toBe(403);
});

test("the configuration goes before dbt, key by key, and may add datasets", async () => {
  const keys = '[stores.marts.datasets.words]\nfriendly_name = "Words"\nscope_column = "word"\n[stores.marts.datasets.private]\n';
  const { server } = await built("", keys);
  const { body } = await as(server, "seven", "/api/analytics/datasets");
  const entries = body["datasets"] as { id: string; friendly_name: string }[];
  expect(entries.map(({ id, friendly_name }) => [id, friendly_name])).toEqual([
    ["fct_spend", "Spend"],
    ["old_style", "Old style"],
    ["private", "Private"],
    ["words", "Words"],
  ]);
  expect((await as(server, "seven", "/api/analytics/datasets/words/query")).status).toBe(403);
});

test("a build without dbt keeps the datasets of the release before, so that no scope is lost; one of dbt's may change them", async () => {
  const { server, publish } = await built();
  await publish(undefined, "plain");
  expect((await as(server, "seven", "/api/analytics/datasets/words/query")).body["rows"]).toEqual([{ word: "plain" }]);
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows")).status).toBe(403);
  await publish({ "manifest.json": { nodes: { "model.shop.fct_spend": model("fct_spend", { dataset: true }) } } });
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows")).status).toBe(200);
  // What is active decides for what is not: its own scope binds an old release, too.
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows?release=r000001")).status).toBe(403);
});

test("what another program has published has the datasets of the newest record once it is adopted", async () => {
  const { server } = await built('layout = "slots"\n');
  const dir = join(server.folder, "data");
  await writeDatabase(
    join(dir, "marts_b.duckdb"),
    "CREATE SCHEMA main_mart",
    "CREATE TABLE main_mart.fct_spend AS SELECT 8 AS user_id",
  );
  writeFileSync(join(dir, "db_manifest.json"), JSON.stringify({ active: "b", version: 9 }));
  const { release } = await server.workspace.adopt("marts");
  const { datasets = [] } = await server.workspace.release("marts", release);
  expect(datasets.map(({ id, scopeColumn }) => [id, scopeColumn])).toContainEqual(["fct_spend", "user_id"]);
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows")).status).toBe(403);
});

test("a scope that came later closes the releases before it, too", async () => {
  const { server, publish } = await built("", "", { "manifest.json": { nodes: {} } });
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows?release=r000001")).status).toBe(200);
  await publish({ "manifest.json": { nodes } });
  expect((await as(server, "seven", "/v1/stores/marts/tables/main_mart.fct_spend/rows?release=r000001")).status).toBe(403);
  expect((await as(server, "boss", "/v1/stores/marts/tables/main_mart.fct_spend/rows?release=r000001")).status).toBe(200);
});

test("a dataset that is gone has the scope that its table has today", async () => {
  const before = { "model.shop.fct_spend": model("fct_spend", { dataset: "all_spend" }) };
  const { server, publish } = await built("", "", { "manifest.json": { nodes: before } });
  const path = "/api/analytics/datasets/all_spend/query";
  expect((await as(server, "seven", path)).body["row_count"]).toBe(2);
  await publish({ "manifest.json": { nodes } });
  expect((await as(server, "seven", path)).status).toBe(404);
  expect((await as(server, "seven", `${path}?release=r000001`)).body["rows"]).toMatchObject([{ user_id: 7 }]);
  expect((await as(server, "boss", `${path}?release=r000001`)).status).toBe(403);
});

test.each([
  ["a scope column that is no name", { "model.shop.a": model("a", { dataset: true, scope_column: 7 }) }, "meta.scope_column"],
  ["an id that cannot be one", { "model.shop.a": model("a", { dataset: "Not An Id" }) }, "meta.dataset"],
  [
    "two of one id",
    { "model.shop.a": model("a", { dataset: "x" }), "model.shop.b": model("b", { dataset: "x" }) },
    'the dataset "x", too',
  ],
  ["a filter of no kind", { "model.shop.a": model("a", { dataset: true, filters: { n: "fuzzy" } }) }, "meta.filters.n"],
  ["an enum without values", { "model.shop.a": model("a", { dataset: true, filters: { n: "enum" } }) }, "meta.filters.n"],
  ["filters that are a number", { "model.shop.a": model("a", { dataset: true, filters: 3 }) }, "meta.filters"],
  ["a name that is no id", { "model.shop.a": model("_a", { dataset: true }) }, "cannot be a dataset's id"],
] as const)("a build is refused for %s", async (_, wrong, words) => {
  const { first } = await built("", "", { "manifest.json": { nodes: wrong } });
  expect(first.outcome).toBe("refused");
  expect(first.checks.find(({ check }) => check === "dbt_datasets")).toMatchObject({
    status: "fail",
    message: expect.stringContaining(words),
  });
});

test.each([
  ["manifest.json", "{"],
  ["manifest.json", "[]"],
  ["manifest.json", '{"nodes": 3}'],
  ["catalog.json", "{"],
])("a build whose %s is %j is refused, for nobody could say whose rows are whose", async (file, text) => {
  const { first } = await built("", "", { "manifest.json": { nodes }, [file]: text });
  expect(first.outcome).toBe("refused");
  expect(first.checks.find(({ check }) => check === "dbt_datasets")?.message).toContain(file);
});

test("a refused build's own datasets close it in quarantine", async () => {
  const { server, publish } = await built("", "", { "manifest.json": { nodes: {} } });
  const refused = await publish({ "manifest.json": { nodes: { ...nodes, "model.shop.a": model("a", { dataset: 3 }) } } });
  expect(refused.outcome).toBe("refused");
  const path = `/v1/stores/marts/tables/main_mart.fct_spend/rows?release=${String(refused.build)}`;
  expect((await as(server, "seven", path)).status).toBe(403);
  expect((await as(server, "boss", path)).status).toBe(200);
});
