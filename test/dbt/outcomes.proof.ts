import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import { sqlFile } from "../../examples/marts-dbt/demo/source.mjs";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { outcomeRow, outcomes } from "./outcomes.ts";
import { whyNoDbtWithPostgres } from "./support.ts";
import { dbtWords, exampleWorkspace, findings, smallest, type DbtWorkspace } from "./workspace.ts";

const warning = "fail warn not_null_stg_merchant_category_id";

/** Tests that fail: of one mart, of two, of one and a staging view, of that view alone, and one that is a statement of the project's own. */
const failingTests = {
  "models/marts/more.yml": `models:
  - name: dim_category
    columns:
      - name: category_id
        data_tests:
          - accepted_values: {arguments: {values: [1, 2], quote: false}}
          - relationships: {arguments: {to: ref('dim_user'), field: user_id}}
          - relationships: {arguments: {to: ref('stg_budget'), field: category_id}}
  - name: stg_budget
    columns: [{name: user_id, data_tests: [unique]}]
`,
  "tests/no_fifth_user.sql": `select user_id, category from {{ ref('dim_user') }} join {{ ref('dim_category') }} on user_id = category_id where user_id = 5`,
};

describe.skipIf(whyNoDbtWithPostgres !== "")("what a build by dbt comes to", () => {
  const through = whenThrough();
  let cluster: Cluster;
  let marts: DbtWorkspace;

  beforeAll(async () => {
    cluster = await startPostgres();
    await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], smallest);
    const models = ["dim_user", "dim_category", "stg_user", "stg_category", "stg_merchant", "stg_budget", "stg_load_state"];
    const undescribed = ["dim_category", "stg_budget"];
    marts = exampleWorkspace(temporaryFolder(through), { env: cluster.env, models, undescribed });
  });
  afterAll(() => cluster.remove());

  test("a test that warns is listed, and the release is out", async () => {
    const { checks, tables } = await marts.comesTo(outcomes.warned, () => marts.publish());
    expect(findings({ checks })).toEqual([warning]);
    expect(checks.find(({ check, status }) => check === "dbt_test" && status === "fail")).toMatchObject({
      table: "main_staging.stg_merchant",
      message: "Got 5 results, configured to warn if != 0",
    });
    expect(tables.map(({ name, rows }) => [name, rows])).toEqual([
      ["dim_category", 12],
      ["dim_user", 5],
    ]);
  });

  test("a model that fails is named, with what dbt says of it (FACTS 2.15)", async () => {
    const broken = { "models/marts/dim_user.sql": "select nothing_such from {{ ref('stg_user') }}" };
    const { error, build } = await marts.comesTo(outcomes.modelFailed, () => marts.edited(broken, () => marts.publish()));
    expect(error?.message).toMatch(
      /exited with code 1: dbt .*; model\.finance\.dim_user: Runtime Error in model dim_user \(models\/marts\/dim_user\.sql\) Binder Error: Referenced column "nothing_such" not found/,
    );
    expect(error?.hint).toContain("Nothing was switched");
    const { checks, log } = marts.quarantined(build ?? "");
    expect(findings({ checks }).filter((finding) => finding.startsWith("fail"))).toEqual(["fail error dbt_results", warning]);
    expect(checks[0]).toMatchObject({
      observed: "6 built, 1 failed, 2 skipped",
      message: expect.stringMatching(/^model\.finance\.dim_user failed in dbt: Runtime Error/),
    });
    expect(log).toContain("ERROR creating sql external model main_mart.dim_user");
  });

  test("a test that fails is a check each, whose statement shows the rows in the build that was refused", async () => {
    const { checks, build = "" } = await marts.comesTo(outcomes.testFailed, () =>
      marts.edited(failingTests, () => marts.publish()),
    );
    const failed = checks.filter(({ status, severity }) => status === "fail" && severity === "error");
    const rows: Record<string, unknown> = {};
    for (const { name, table, column, message, sql, check } of failed) {
      expect([check, message]).toEqual(["dbt_test", expect.stringMatching(/^Got \d+ results?, configured to fail if != 0$/)]);
      const shown = sql === undefined ? undefined : await marts.run(["query", "marts", sql, "--release", build]);
      rows[name] = [table, column, shown?.rows?.length];
    }
    // What dbt ran is kept of all of them.
    expect(existsSync(join(marts.quarantined(build).folder, "dbt-target/compiled/finance/tests/no_fifth_user.sql"))).toBe(true);
    const category = ["main_mart.dim_category", "category_id"];
    expect(rows).toEqual({
      accepted_values_dim_category_category_id__False__1__2: [...category, 10],
      relationships_dim_category_category_id__user_id__ref_dim_user_: [...category, 7],
      // The staging view is gone with dbt's own database: no statement can show its rows.
      relationships_dim_category_category_id__category_id__ref_stg_budget_: [...category, undefined],
      unique_stg_budget_user_id: ["main_staging.stg_budget", "user_id", undefined],
      no_fifth_user: [undefined, undefined, 1],
    });
  });

  test("a project that cannot be read: dbt's exit 2, and its own words", async () => {
    const broken = { "models/marts/dim_user.sql": "select {{ nothing( }}" };
    const { error } = await marts.comesTo(outcomes.unparsed, () => marts.edited(broken, () => marts.publish()));
    expect(error?.message).toMatch(
      /exited with code 2: dbt .*; Compilation Error in model dim_user .* unexpected '\}', expected '\)'/,
    );
  });

  test("a selection that names nothing is refused, although dbt exits 0 (FACTS 2.15)", async () => {
    const { checks } = await marts.comesTo(outcomes.nothingBuilt, () => marts.publish(dbtWords("build", "--select", "nope")));
    expect(checks.find(({ name }) => name === "dbt_results")).toMatchObject({
      status: "fail",
      message: "dbt built nothing: its selection names no model, seed or snapshot",
    });
  });

  test("PostgreSQL that cannot be reached is told with its address", async () => {
    const env = { PGPORT: "1" };
    const { error } = await marts.comesTo(outcomes.unreachable, () => marts.publish(dbtWords("build"), { env }));
    expect(error?.message).toMatch(
      /exited with code 2: dbt .*; IO Error: Unable to connect to Postgres .*"127\.0\.0\.1", port 1 failed: Connection refused/,
    );
  });

  test("a build and `docs generate` in one shell: the catalogue is kept, and the results of the build (FACTS 2.15)", async () => {
    const both = ["build", "docs"].map((word) => dbtWords(...(word === "docs" ? ["docs", "generate"] : [word])).join(" "));
    const { release = "", checks } = await marts.comesTo(outcomes.warned, () => marts.publish(["sh", "-c", both.join(" && ")]));
    expect(findings({ checks })).toEqual([warning]);
    const { provenance } = await marts.run(["releases", "show", "marts", release]);
    const kept = provenance?.map(({ path }) => path.slice(`releases/${release}/dbt-target/`.length));
    expect(kept).toEqual(["manifest.json", "run_results.json", "catalog.json"]);
    const results = marts.releaseJson(release, "dbt-target/run_results.json") as { args: { which: string }; results: unknown[] };
    expect([results.args.which, results.results.length]).toEqual(["build", 19]);
    expect(marts.releaseJson(release, "dbt-target/catalog.json")).toHaveProperty("nodes.model\\.finance\\.dim_user");
  });
});

test("docs/dbt.md says of each what was tried", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/dbt.md", import.meta.url)), "utf8");
  const table = /<!-- outcomes -->\n([^]*?)\n\n/.exec(page)?.[1];
  expect(table).toBe(
    ["| what happened | outcome | exit | what is kept |", "|---|---|---|---|", ...Object.values(outcomes).map(outcomeRow)].join(
      "\n",
    ),
  );
});

test.runIf(whyNoDbtWithPostgres !== "")("what builds by dbt come to is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
