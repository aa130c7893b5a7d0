import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/model/config-findings.ts";
import { definitionsOf, friendlyNameOf } from "../../src/model/dataset.ts";

const store = { kind: "release", dir: "a" };
const findings = (datasets: unknown) => parseConfig({ format: 1, stores: { marts: { ...store, datasets } } }).findings;

describe("datasets of a configuration", () => {
  it("may say all of it, or nothing", () => {
    const whole = {
      table: "mart.t",
      friendly_name: "T",
      description: "d",
      group: "g",
      time_grain: "day",
      date_column: "day",
      scope_column: "user_id",
      filters: { a: { type: "equals" }, b: { type: "list" }, c: { type: "enum", values: ["x", 1, true] }, d: { type: "range" } },
    };
    expect(findings({ t: whole, u: {} })).toEqual([]);
  });

  it.each([
    [{ T: {} }, "stores.marts.datasets.T", "is not a dataset's id"],
    [{ t: { scope_colum: "x" } }, "stores.marts.datasets.t.scope_colum", 'did you mean "scope_column"?'],
    [{ t: { filters: { a: { type: "enum" } } } }, "stores.marts.datasets.t.filters.a.values", 'must be there with type "enum"'],
    [{ t: { filters: { a: { type: "range", values: [1] } } } }, "stores.marts.datasets.t.filters.a.values", "and only there"],
    [{ t: { filters: { a: { type: "fuzzy" } } } }, "stores.marts.datasets.t.filters.a.type", 'must be "equals" or "list"'],
    [{ t: { filters: { a: { typ: "range" } } } }, "stores.marts.datasets.t.filters.a.typ", 'did you mean "type"?'],
    [{ t: { table: "" } }, "stores.marts.datasets.t.table", "must not be empty"],
    [{ t: 3 }, "stores.marts.datasets.t", "must be a table"],
    ["all", "stores.marts.datasets", "must be a table"],
  ])("%j is refused by its key", (datasets, subject, words) => {
    expect(findings(datasets)[0]).toMatchObject({ subject, detail: expect.stringContaining(words) });
  });
});

describe("definitions", () => {
  const recorded = [
    { id: "a", schema: "main_mart", table: "fct_a", friendlyName: "A", scopeColumn: "user_id" },
    { id: "b", table: "b" },
  ];

  it("are the configuration's, else the release's, by id", () => {
    expect(definitionsOf({ a: { group: "g" }, c: { table: "mart.c" } }, recorded)).toEqual([
      { id: "a", schema: "main_mart", table: "fct_a", friendlyName: "A", scopeColumn: "user_id", group: "g" },
      { id: "b", table: "b" },
      { id: "c", schema: "mart", table: "c" },
    ]);
  });

  it("keep a scope that the configuration does not speak of, also where it names another table", () => {
    expect(definitionsOf({ a: { table: "other" } }, recorded)[0]).toMatchObject({
      table: "other",
      schema: undefined,
      scopeColumn: "user_id",
    });
  });

  it("have a name for people", () => {
    expect(friendlyNameOf({ table: "fct_daily_spend" })).toBe("Fct daily spend");
    expect(friendlyNameOf({ table: "t", friendlyName: "T" })).toBe("T");
  });
});
