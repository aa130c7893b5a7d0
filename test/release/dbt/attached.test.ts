import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { writeDatabase } from "../../support/store.ts";
import { storeOf } from "../artifacts/support.ts";
import { leaveDbtFile, modelsBuild, recordIn, withDatabase } from "./support.ts";

describe("views over what only the build had attached (FACTS 2.7)", () => {
  /** The build's file has a view over a database `app`, as staging views over PostgreSQL are, and one over that view. */
  const attached = (nodes: object): Parameters<typeof publish>[1] =>
    modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS n" } }, async ({ path, dir }) => {
      const app = join(dir, ".app.duckdb");
      await writeDatabase(app, "CREATE TABLE bill AS SELECT 1 AS n");
      await writeDatabase(
        path,
        `ATTACH '${app}' AS app (READ_ONLY)`,
        "CREATE SCHEMA main_staging",
        "CREATE VIEW main_staging.stg_bill AS SELECT * FROM app.main.bill",
        "CREATE VIEW main_staging.stg_more AS SELECT n + 1 AS n FROM main_staging.stg_bill",
        "CREATE TABLE main_mart.kept AS SELECT * FROM main_staging.stg_more",
      );
      leaveDbtFile(dir, "manifest.json", { nodes });
    });
  const own = {
    "model.p.fct": {
      resource_type: "model",
      name: "fct",
      schema: "main_mart",
      database: "DB",
      config: { materialized: "external" },
    },
  };

  test("they are left out of a release of dbt's, and told as a warning", async () => {
    const store = storeOf(temporaryFolder(), withDatabase);
    const result = await publish(store, attached(own));
    expect(result.outcome).toBe("switched");
    expect(result.checks.find(({ name }) => name === "dbt_views")).toMatchObject({
      severity: "warn",
      status: "fail",
      observed: "2: main_staging.stg_bill, main_staging.stg_more",
      message: expect.stringContaining("attached to the build alone, as app") as unknown,
    });
    expect(recordIn(store, "r000001").tables.map(({ schema, name }) => `${schema}.${name}`)).toEqual([
      "main_mart.kept",
      "main_mart.fct",
    ]);
  });

  test("one that is asked for refuses the build", async () => {
    const checks = [{ check: "tables" as const, severity: "error" as const, names: ["main_staging.stg_bill"] }];
    const result = await publish(storeOf(temporaryFolder(), withDatabase, { checks }), attached(own));
    expect(result.outcome).toBe("refused");
    expect(
      result.checks.filter(({ status, severity }) => status === "fail" && severity === "error").map(({ check }) => check),
    ).toEqual(["tables"]);
  });

  test("a view over a database that the project's own models lie in is no such view: it is broken, and refuses the build", async () => {
    const nodes = { "model.p.other": { resource_type: "model", name: "other", schema: "main", database: "APP" } };
    const result = await publish(storeOf(temporaryFolder(), withDatabase), attached(nodes));
    expect(result.outcome).toBe("refused");
    expect(result.checks.find(({ name, status }) => name === "views" && status === "fail")?.message).toContain(
      'Catalog "app" does not exist',
    );
  });

  test("without dbt they are broken views", async () => {
    const build = attached(own);
    const plain: Parameters<typeof publish>[1] = {
      kind: "function",
      async build(context) {
        if (build.kind === "function") await build.build(context);
        rmSync(join(context.dir, "dbt-target"), { recursive: true });
      },
    };
    expect(await publish(storeOf(temporaryFolder(), withDatabase), plain)).toMatchObject({ outcome: "refused" });
  });
});
