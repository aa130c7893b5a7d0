import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import type { Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import { sqlFile, yesterday } from "../../examples/marts-dbt/demo/source.mjs";
import { dbtDatasets } from "../../src/model/dbt/datasets.ts";
import { dbtManifestSchema } from "../../src/model/dbt/files.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { exampleProject, rowsOf, runDbt, whyNoDbtWithPostgres } from "./support.ts";
import { startWarmDbt } from "./warm.ts";

/** What the app itself says of each mart, and the mart's own answer to the same question. FILES are the mart's. */
const questions: Readonly<Record<string, { readonly app: string; readonly mart: string }>> = {
  dim_user: { app: "SELECT count(*), min(email) FROM app_user", mart: "SELECT count(*), min(email) FROM FILES" },
  dim_account: { app: "SELECT count(*), max(account_id) FROM account", mart: "SELECT count(*), max(account_id) FROM FILES" },
  dim_category: { app: "SELECT count(*), max(name) FROM category", mart: "SELECT count(*), max(category) FROM FILES" },
  dim_merchant: {
    app: "SELECT count(*), count(category_id) FROM merchant",
    mart: "SELECT count(*), count(category) FROM FILES",
  },
  fct_transaction: {
    app: "SELECT count(*), sum(amount), count(DISTINCT to_char(booked_on, 'YYYY-MM')) FROM transaction",
    mart: "SELECT count(*), sum(amount), count(DISTINCT booked_month) FROM FILES",
  },
  fct_daily_spend: {
    app: `SELECT count(DISTINCT (user_id, booked_on, category_id)), -sum(amount), count(*)
      FROM transaction JOIN account USING (account_id) WHERE status = 'booked' AND amount < 0`,
    mart: "SELECT count(*), sum(spent), sum(transactions)::bigint FROM FILES",
  },
  fct_monthly_cash_flow: {
    app: `SELECT count(DISTINCT (user_id, date_trunc('month', booked_on))), sum(greatest(amount, 0)), -sum(least(amount, 0))
      FROM transaction JOIN account USING (account_id) WHERE status = 'booked'`,
    mart: "SELECT count(*), sum(income), sum(spent) FROM FILES",
  },
  fct_budget_status: {
    app: `SELECT count(*), sum(spent), count(*) FILTER (WHERE spent > amount) FROM (
      SELECT user_id, category_id, date_trunc('month', booked_on) AS month, -sum(transaction.amount) AS spent
      FROM transaction JOIN account USING (account_id) WHERE status = 'booked' AND amount < 0 GROUP BY 1, 2, 3
    ) AS spending JOIN budget USING (user_id, category_id) WHERE month >= date_trunc('month', valid_from)`,
    mart: "SELECT count(*), sum(spent), count(*) FILTER (exceeded) FROM FILES",
  },
  fct_account_balance: {
    app: `SELECT sum(opening_balance + movement) FROM account JOIN (
      SELECT account_id, sum(amount) AS movement FROM transaction WHERE status = 'booked' GROUP BY 1) AS moved USING (account_id)`,
    mart: "SELECT sum(balance) FROM (SELECT arg_max(balance, day) AS balance FROM FILES GROUP BY account_id)",
  },
  fct_merchant_spend: {
    app: `SELECT count(DISTINCT (user_id, merchant_id)), -sum(amount), max(booked_on)
      FROM transaction JOIN account USING (account_id) WHERE status = 'booked' AND amount < 0`,
    mart: "SELECT count(*), sum(spent), max(last_day) FROM FILES",
  },
};
const marts = [...Object.keys(questions), "fct_chargeback"].toSorted();

/** A mart's files as DuckDB reads them. */
function filesOf(folder: string, mart: string): string {
  return mart === "fct_transaction"
    ? `read_parquet('${folder}/${mart}/*/*.parquet')`
    : `read_parquet('${folder}/${mart}.parquet')`;
}

const parts = { days: 61, per_day: 20, users: 10, through: "2026-10-31" };

describe.skipIf(whyNoDbtWithPostgres !== "")("the project of examples/marts-dbt", () => {
  const through = whenThrough();
  let cluster: Cluster;
  let folder: string;
  let dbt: Dbt;
  const seed = (variables: Readonly<Record<string, string | number>>) =>
    cluster.runFiles([sqlFile("schema"), sqlFile("seed")], variables);
  const build = (into: string) => runDbt(["build"], { project: exampleProject, folder: into, env: cluster.env, dbt });
  const answersAgree = async (of: string) => {
    for (const [mart, { app, mart: own }] of Object.entries(questions)) {
      const said = await rowsOf(own.replaceAll("FILES", filesOf(of, mart)));
      expect([mart, ...said]).toEqual([mart, ...(await cluster.query(`SET search_path = finance; ${app}`))]);
    }
  };

  beforeAll(async () => {
    folder = temporaryFolder(through);
    dbt = await startWarmDbt(through);
    cluster = await startPostgres();
    await seed(parts);
    const { code, stdout } = await build(folder);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/PASS=55 WARN=1 ERROR=0 SKIP=0/)]);
  });
  afterAll(() => cluster.remove());

  test("a build writes eleven marts, flat, and one in folders; they hold what the app says", async () => {
    const written = readdirSync(folder).filter((name) => name.endsWith(".parquet") || name === "fct_transaction");
    expect(written.map((name) => name.replace(".parquet", "")).toSorted()).toEqual(marts);
    expect(readdirSync(join(folder, "fct_transaction")).toSorted()).toEqual(["booked_month=2026-09", "booked_month=2026-10"]);
    expect(readdirSync(join(folder, "fct_transaction/booked_month=2026-09"))).toEqual(["data_0.parquet"]);
    await answersAgree(folder);
  });

  test("one mart is empty: dbt's file of it has a row of NULLs, and its view hides that (FACTS 2.11)", async () => {
    expect(await rowsOf(`SELECT count(*), count(COLUMNS(*)) FROM ${filesOf(folder, "fct_chargeback")}`)).toEqual([
      "1|0|0|0|0|0|0",
    ]);
    const views = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main_mart' ORDER BY 1";
    expect(await rowsOf(views, join(folder, "build.duckdb"))).toEqual(marts);
    expect(await rowsOf("SELECT count(*) FROM main_mart.fct_chargeback", join(folder, "build.duckdb"))).toEqual(["0"]);
  });

  test("every mart with a user's rows is a dataset with its scope", () => {
    const manifest = dbtManifestSchema.parse(JSON.parse(readFileSync(join(folder, "dbt-target/manifest.json"), "utf8")));
    const { datasets, problems } = dbtDatasets(manifest);
    expect(problems).toEqual([]);
    expect(datasets.map(({ id }) => id)).toEqual(marts.filter((mart) => mart !== "dim_merchant"));
    expect(datasets.filter(({ scopeColumn }) => scopeColumn !== "user_id").map(({ id }) => id)).toEqual(["dim_category"]);
    expect(new Set(datasets.map(({ schema }) => schema))).toEqual(new Set(["main_mart"]));
  });

  test("a day more: what is added to the marts that are there is what a build from nothing has; all show the version", async () => {
    await cluster.runFiles([sqlFile("advance")]);
    const fresh = temporaryFolder();
    expect((await Promise.all([build(folder), build(fresh)])).map(({ code }) => code)).toEqual([0, 0]);
    const compiled = join(folder, "dbt-target/compiled/finance/models/marts/fct_daily_spend.sql");
    expect(readFileSync(compiled, "utf8")).toContain("where day < (select max(day)");
    await answersAgree(folder);
    for (const mart of marts) {
      const [added, whole] = [filesOf(folder, mart), filesOf(fresh, mart)];
      const differing = `(FROM ${added} EXCEPT ALL FROM ${whole}) UNION ALL (FROM ${whole} EXCEPT ALL FROM ${added})`;
      expect([mart, ...(await rowsOf(`SELECT count(*) FROM (${differing})`))]).toEqual([mart, "0"]);
      const versions = await rowsOf(`SELECT DISTINCT loaded_version FROM ${added}`);
      expect([mart, ...versions]).toEqual([mart, mart === "fct_chargeback" ? "" : "2"]);
    }
  });

  test("days booked one by one are the days booked at once", async () => {
    const digest = "SELECT count(*), md5(string_agg(transaction::text, ',' ORDER BY transaction_id)) FROM finance.transaction";
    await seed(parts);
    await cluster.runFiles([sqlFile("advance"), sqlFile("advance")]);
    const oneByOne = await cluster.query(digest);
    await seed({ ...parts, days: parts.days + 2, through: "2026-11-02" });
    expect(await cluster.query(digest)).toEqual(oneByOne);
  });

  test("the source is fresh where its last day is yesterday", async () => {
    const place = { project: exampleProject, folder: temporaryFolder(), env: cluster.env, dbt };
    await seed({ ...parts, through: yesterday() });
    expect(await runDbt(["source", "freshness"], place)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("PASS freshness"),
    });
  });

  test("without PostgreSQL dbt fails and writes no mart", async () => {
    await cluster.stop();
    const empty = temporaryFolder();
    const { code, stdout } = await build(empty);
    await cluster.start();
    expect([code, stdout]).toEqual([expect.any(Number), expect.stringMatching(/Connection refused/)]);
    expect(code).not.toBe(0);
    expect(readdirSync(empty).filter((name) => marts.includes(name.replace(".parquet", "")))).toEqual([]);
  });
});

test.runIf(whyNoDbtWithPostgres !== "")("the project of examples/marts-dbt is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
