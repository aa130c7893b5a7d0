import { describe, expect, it } from "vitest";
import { mergePlaces, placeOfView, type TablePlace } from "../../src/model/table-place.ts";

const place = (definition: string, folders = ["/b", "/real/b"]) =>
  placeOfView({ schema: "main_mart", name: "fct", definition: `CREATE VIEW main_mart.fct AS ${definition}` }, folders);

describe("the table that a view names", () => {
  it.each([
    ["SELECT * FROM read_parquet('/b/fct.parquet', (union_by_name = CAST('f' AS BOOLEAN)));", "fct.parquet"],
    ["SELECT * FROM read_parquet('/real/b/mart/fct.parquet');", "mart/fct.parquet"],
    ["SELECT * FROM read_parquet(main.list_value('/b/fct.parquet'));", "fct.parquet"],
    ["SELECT * FROM parquet_scan('/b/fct/*/*.parquet');", "fct"],
    ["SELECT * FROM read_parquet('/b/fct/**/*.parquet', (hive_partitioning = CAST('t' AS BOOLEAN)));", "fct"],
    ["SELECT * FROM read_parquet('/b/fct/k=*/*.parquet');", "fct"],
    ['SELECT * FROM "/b/it\'s.parquet";', "it's.parquet"],
    ["SELECT * FROM read_parquet('/b/it''s.parquet');", "it's.parquet"],
    ["SELECT * FROM read_parquet('/b//./fct.parquet');", "fct.parquet"],
    ["SELECT * FROM read_parquet('/b/f (1), x)/fct.parquet');", "f (1), x)/fct.parquet"],
  ])("%s", (definition, path) => {
    expect(place(definition)).toEqual({ schema: "main_mart", name: "fct", path, hidesRow: false });
  });

  it("hides a row where dbt found the model empty", () => {
    const filter = 'WHERE (1 AND (a IS NOT NULL) AND ("it\'s; b" IS NOT NULL));';
    expect(place(`SELECT * FROM read_parquet('/b/fct.parquet') ${filter}`)).toMatchObject({
      path: "fct.parquet",
      hidesRow: true,
    });
    expect(place(`SELECT * FROM read_parquet('/b/k/*/*.parquet') ${filter}`)).toMatchObject({ path: "k", hidesRow: true });
  });

  it.each([
    "SELECT a FROM read_parquet('/b/fct.parquet');",
    "SELECT * FROM read_parquet('/b/fct.parquet') WHERE (a > 0);",
    "SELECT * FROM read_parquet('/b/fct.parquet') , t;",
    "SELECT * FROM read_parquet('/elsewhere/fct.parquet');",
    "SELECT * FROM read_parquet('/b2/fct.parquet');",
    "SELECT * FROM read_parquet('/b/../fct.parquet');",
    "SELECT * FROM read_parquet('/b/*.parquet');",
    "SELECT * FROM read_parquet(main.list_value('/b/fct.parquet', '/b/other.parquet'));",
    "SELECT * FROM read_parquet('/b/mart/fct_*.parquet');",
    "SELECT * FROM read_parquet('/b/fct/*/part-?.parquet');",
    "SELECT * FROM read_parquet('/b/fct/k=1/*.parquet');",
    "SELECT * FROM read_parquet('/b/fct/k=1/data_0.parquet');",
    "SELECT * FROM read_csv('/b/fct.csv');",
    "SELECT * FROM t;",
    "SELECT ' AS SELECT * FROM read_parquet(''/b/fct.parquet'')';",
  ])("%s names none", (definition) => {
    expect(place(definition)).toBeUndefined();
  });

  it("names none where it calls the columns otherwise", () => {
    const definition = "CREATE VIEW main_mart.fct (renamed) AS SELECT * FROM read_parquet('/b/fct.parquet');";
    expect(placeOfView({ schema: "main_mart", name: "fct", definition }, ["/b"])).toBeUndefined();
    const quoted = definition.replace("fct (renamed)", '"fct (1)"');
    expect(placeOfView({ schema: "main_mart", name: "fct (1)", definition: quoted }, ["/b"])?.path).toBe("fct.parquet");
  });

  it("is found in a folder whose own name is a pattern", () => {
    expect(place("SELECT * FROM read_parquet('/x[1]/fct.parquet');", ["/x[1]"])).toMatchObject({ path: "fct.parquet" });
    expect(place("SELECT * FROM read_parquet(main.list_value('/x[[]1]/fct.parquet'));", ["/x[1]"])).toMatchObject({
      path: "fct.parquet",
    });
  });
});

describe("what is said now, over what was said before", () => {
  const at = (name: string, path: string): TablePlace => ({ schema: "m", name, path, hidesRow: false });

  it("keeps a table of which nothing is said", () => {
    expect(mergePlaces([at("a", "a.parquet")], [at("b", "b.parquet")])).toEqual({
      places: [at("a", "a.parquet"), at("b", "b.parquet")],
      left: [],
    });
  });

  it("takes the new word for a table and for a file", () => {
    expect(mergePlaces([at("A", "x.parquet")], [at("a", "x.parquet")])).toEqual({ places: [at("a", "x.parquet")], left: [] });
    expect(mergePlaces([at("a", "x.parquet")], [at("b", "x.parquet")]).places).toEqual([at("b", "x.parquet")]);
  });

  it("tells the place that a table has left", () => {
    expect(mergePlaces([at("a", "old/a.parquet")], [at("a", "a.parquet")])).toEqual({
      places: [at("a", "a.parquet")],
      left: [at("a", "old/a.parquet")],
    });
    expect(mergePlaces([at("a", "a")], [at("a", "a/b")]).left).toEqual([]);
    expect(mergePlaces([at("a", "a/b")], [at("a", "a")]).left).toEqual([]);
    expect(mergePlaces([at("a", "x"), at("b", "x/y/b.parquet")], [at("a", "z")]).left).toEqual([]);
    expect(mergePlaces([at("a", "x"), at("b", "y")], [at("a", "y"), at("b", "x")]).left).toEqual([]);
  });
});
