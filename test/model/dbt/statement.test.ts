import { describe, expect, test } from "vitest";
import { statementOn } from "../../../src/model/dbt/statement.ts";

const model = (schema: string, name: string, alias?: string) => ({ resource_type: "model", name, alias, schema, database: "DB" });
const manifest = {
  nodes: {
    "model.p.fct": model("main_mart", "fct"),
    "model.p.dim": model("main_mart", "dim_of_things", 'd"im'),
    "model.p.stg": model("main_staging", "stg"),
    "test.p.x": { resource_type: "test", name: "x", schema: "main_audit", database: "DB" },
  },
  sources: { "source.p.app.bill": { name: "bill", identifier: "bills", schema: "finance" } },
};
const tables = [
  { schema: "main_mart", name: "fct" },
  { schema: "main_mart", name: 'D"im' },
];

describe("a test's statement on the tables of its build", () => {
  test("all of its tables lose the database that dbt worked in, also those of other schemas than its own", () => {
    const sql = `select "n" from "DB"."main_mart"."fct" join "DB"."main_mart"."d""im" using ("n") join "other"."main"."t"`;
    expect(statementOn(sql, manifest, tables)).toBe(
      `select "n" from "main_mart"."fct" join "main_mart"."D""im" using ("n") join "other"."main"."t"`,
    );
    const audited = [...tables, { schema: "main_staging", name: "stg" }];
    expect(statementOn(`from "DB"."main_staging"."stg", "main_mart"."fct"`, manifest, audited)).toBe(
      `from "main_staging"."stg", "main_mart"."fct"`,
    );
  });

  test("a schema that is configured goes before dbt's", () => {
    const placed = [{ schema: "mart", name: "fct", builtSchema: "main_mart" }];
    expect(statementOn(`select * from "DB"."main_mart"."fct"`, manifest, placed)).toBe(`select * from "mart"."fct"`);
  });

  test.each([
    ["a view that the release does not have", `select 1 from "DB"."main_staging"."stg"`],
    [
      "one beside a table that it has",
      `select 1 from "DB"."main_mart"."fct" where k not in (select k from "DB"."main_staging"."stg")`,
    ],
    ["a source", `select 1 from "app"."finance"."bills"`],
    ["a table by a name of another schema's", `select 1 from "DB"."main_mart"."dim_of_things", "DB"."main_staging"."stg"`],
  ])("what is not in the build: there is none where it reads %s", (_name, sql) => {
    expect(statementOn(sql, manifest, tables)).toBeUndefined();
  });

  test("what is none of the project's stays as it is", () => {
    const sql = `select "a"."b", "main_audit"."x" from "DB"."main_audit"."x"`;
    expect(statementOn(sql, { nodes: manifest.nodes }, [])).toBe(sql);
  });
});
