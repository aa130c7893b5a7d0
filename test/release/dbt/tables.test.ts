import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { publish } from "../../../src/release/publish.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { writeParquet } from "../../support/parquet.ts";
import { writeDatabase } from "../../support/store.ts";
import { storeOf } from "../artifacts/support.ts";
import { externalModels, filesOf, leaveDbtFile, modelsBuild, parquetOnly, recordIn, withDatabase } from "./support.ts";

const models = {
  "main_mart.fct": { sql: "SELECT range AS n FROM range(3)" },
  "main_mart.named": { sql: "SELECT 1 AS a", at: "other.parquet" },
  "main_stage.days": { sql: "SELECT range AS n, range % 2 AS k FROM range(5)", partition: "k" },
  "main.plain": { sql: "SELECT 1 AS a", at: "deep/er/plain.parquet" },
};
const laidOut = [
  "main/plain.parquet",
  "main_mart/fct.parquet",
  "main_mart/named.parquet",
  "main_stage/days/k=0/data_0.parquet",
  "main_stage/days/k=1/data_0.parquet",
];
const external = (schema: string, name: string, alias = name) => ({
  [`model.p.${name}`]: { resource_type: "model", name, alias, schema, database: "DB", config: { materialized: "external" } },
});

describe("names of tables", () => {
  test("FACTS 2.12: schema and name come from the views of the DuckDB file, and files lie as <schema>/<table>", async () => {
    const folder = temporaryFolder();
    const store = storeOf(folder, parquetOnly);
    await publish(store, modelsBuild(models));
    const record = recordIn(store, "r000001");
    expect(filesOf(record)).toEqual(laidOut);
    expect(record.tables.map(({ schema, name, rows, parquet }) => [schema, name, rows, parquet?.builtAt])).toEqual([
      ["main", "plain", 1, "deep/er/plain.parquet"],
      ["main_mart", "fct", 3, "fct.parquet"],
      ["main_mart", "named", 1, "other.parquet"],
      ["main_stage", "days", 5, "days"],
    ]);
    const reader = await readerOn(folder);
    expect((await reader.query("SELECT sum(k) FROM main_stage.days, main_mart.named")).rows).toEqual([["2"]]);
  });

  test("a schema that is configured goes before the view's", async () => {
    const folder = temporaryFolder();
    const store = storeOf(folder, [{ kind: "parquet", path: ".", schema: "mart" }]);
    await publish(store, modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS a" } }));
    const record = recordIn(store, "r000001");
    expect(filesOf(record)).toEqual(["mart/fct.parquet"]);
    expect(record.tables[0]?.parquet).toMatchObject({ builtAt: "fct.parquet", builtSchema: "main_mart" });
  });

  test("FACTS 2.14: with the DuckDB file in the release, views over its Parquet files are taken out of it", async () => {
    const folder = temporaryFolder();
    const store = storeOf(folder, withDatabase);
    const also = ({ path }: { readonly path: string }) => writeDatabase(path, "CREATE TABLE meta AS SELECT 7 AS tag");
    const result = await publish(store, modelsBuild(models, also));
    expect(result).toMatchObject({ outcome: "switched" });
    expect(filesOf(recordIn(store, "r000001"))).toEqual(["DB.duckdb", ...laidOut]);
    const reader = await readerOn(folder);
    expect((await reader.query("SELECT tag, sum(n) FROM meta, main_mart.fct GROUP BY ALL")).rows).toEqual([[7, "3"]]);
  });

  test("a view of one's own over such a table cannot be in the file, and is told with the cure", async () => {
    const store = storeOf(temporaryFolder(), withDatabase);
    const also = ({ path }: { readonly path: string }) =>
      writeDatabase(path, 'CREATE VIEW main_mart.half AS SELECT n FROM "DB".main_mart.fct WHERE n > 0');
    const result = await publish(store, modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS n" } }, also));
    expect(result.outcome).toBe("refused");
    expect(result.checks.find(({ name, status }) => name === "views" && status === "fail")?.message).toContain(
      "main_mart.fct is a table of Parquet files, which no view of the DuckDB file can read",
    );
  });

  test("without a view dbt's manifest tells: a file or a folder of a model's alias", async () => {
    const folder = temporaryFolder();
    const store = storeOf(folder, parquetOnly);
    const also = ({ dir, path }: { readonly dir: string; readonly path: string }) => {
      rmSync(path);
      const nodes = { ...external("main_mart", "fct"), ...external("main_x", "days"), ...external("main_y", "orig", "other") };
      leaveDbtFile(dir, "manifest.json", { nodes });
    };
    await publish(store, modelsBuild(models, also));
    expect(filesOf(recordIn(store, "r000001"))).toEqual([
      "deep/er/plain.parquet",
      "main_mart/fct.parquet",
      "main_x/days/k=0/data_0.parquet",
      "main_x/days/k=1/data_0.parquet",
      "main_y/other.parquet",
    ]);
  });

  test("a DuckDB file that this engine cannot read is no reason to refuse what it is no part of", async () => {
    const store = storeOf(temporaryFolder(), parquetOnly);
    const also = ({ dir, path }: { readonly dir: string; readonly path: string }) => {
      writeFileSync(path, "no database");
      leaveDbtFile(dir, "manifest.json", { nodes: external("main_mart", "fct") });
    };
    expect(await publish(store, modelsBuild({ "m.fct": { sql: "SELECT 1 AS a" } }, also))).toMatchObject({ outcome: "switched" });
    expect(filesOf(recordIn(store, "r000001"))).toEqual(["main_mart/fct.parquet"]);
  });

  test("a folder that is reached by a link is the build's folder, whatever it is called", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "real it's [1]"));
    symlinkSync(join(folder, "real it's [1]"), join(folder, "linked"));
    const store = storeOf(join(folder, "linked"), withDatabase);
    expect(await publish(store, modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS a" } }))).toMatchObject({
      outcome: "switched",
    });
    expect(await publish(store, modelsBuild({}), { base: "active" })).toMatchObject({ outcome: "switched" });
    expect(filesOf(recordIn(store, "r000002"))).toEqual(["DB.duckdb", "main_mart/fct.parquet"]);
  });
});

describe("names that cannot be", () => {
  const refused = async (build: Parameters<typeof publish>[1]): Promise<string> => {
    const result = await publish(storeOf(temporaryFolder(), parquetOnly), build);
    expect(result.outcome).toBe("refused");
    return result.checks.find(({ status }) => status === "fail")?.message ?? "";
  };

  test("FACTS 2.13: a file that two views name", async () => {
    const message = await refused(
      modelsBuild({
        "main_mart.a": { sql: "SELECT 1 AS a", at: "x.parquet" },
        "main_mart.b": { sql: "SELECT 2 AS a", at: "x.parquet" },
      }),
    );
    expect(message).toContain("x.parquet is named by two views, main_mart.a and main_mart.b");
  });

  test("FACTS 2.13: a name that was to be filled in", async () => {
    expect(await refused(modelsBuild({ "main_mart.a": { sql: "SELECT 1 AS a", at: "{name}.parquet" } }))).toContain("{name}");
  });

  test("a file that is passed over, for its name is that of what other programs leave", async () => {
    expect(await refused(modelsBuild({ "m._a": { sql: "SELECT 1 AS a" }, "m.b": { sql: "SELECT 1 AS a" } }))).toContain(
      '_a.parquet is table m._a, and what begins with "_" or "." is passed over',
    );
  });

  test("two places of one table, and a schema that is no folder", async () => {
    const twice = modelsBuild({ "main_mart.a": { sql: "SELECT 1 AS a" } }, ({ path, dir }) =>
      writeDatabase(path, ...externalModels(dir, { "main_mart.A2": { sql: "SELECT 1 AS a", at: "b.parquet" } })),
    );
    expect(await publish(storeOf(temporaryFolder(), parquetOnly), twice)).toMatchObject({ outcome: "switched" });
    const strange = modelsBuild({}, async ({ path, dir }) => {
      await writeDatabase(
        path,
        `COPY (SELECT 1 AS a) TO '${dir}/a.parquet' (FORMAT parquet)`,
        `CREATE SCHEMA "a/b"`,
        `CREATE VIEW "a/b".t AS SELECT * FROM read_parquet('${dir}/a.parquet')`,
      );
    });
    expect(await refused(strange)).toContain('"a/b" cannot be a name of a release\'s files');
  });
});

describe("on top of the active release", () => {
  test("FACTS 2.16: its tables are shown where the build wrote them, and a part is built anew", async () => {
    const folder = temporaryFolder();
    for (const artifacts of [parquetOnly, withDatabase]) {
      const store = storeOf(join(folder, String(artifacts.length)), artifacts);
      await publish(store, modelsBuild(models));
      const part: Parameters<typeof publish>[1] = {
        kind: "function",
        async build({ path, dir }) {
          const sql = "SELECT n + 10 AS n FROM main_mart.fct UNION ALL SELECT k FROM main_stage.days";
          await writeDatabase(path, ...externalModels(dir, { "main_mart.fct": { sql } }));
        },
      };
      expect(await publish(store, part, { base: "active" })).toMatchObject({ outcome: "switched" });
      const record = recordIn(store, "r000002");
      expect(filesOf(record).filter((name) => name.endsWith(".parquet"))).toEqual(laidOut);
      expect(record.tables.find(({ name }) => name === "fct")?.rows).toBe(8);
      expect(record.tables.find(({ name }) => name === "days")).toEqual(
        recordIn(store, "r000001").tables.find(({ name }) => name === "days"),
      );
    }
  });

  test("a table that lies elsewhere now has left its old place; one whose file is gone is no table", async () => {
    const store = storeOf(temporaryFolder(), withDatabase);
    await publish(store, modelsBuild(models));
    const moved = modelsBuild({ "main_mart.fct": { sql: "SELECT 9 AS n", at: "elsewhere/fct.parquet" } }, ({ dir }) => {
      expect(existsSync(join(dir, "fct.parquet"))).toBe(true);
      rmSync(join(dir, "other.parquet"));
    });
    expect(await publish(store, moved, { base: "active" })).toMatchObject({ outcome: "switched" });
    const record = recordIn(store, "r000002");
    expect(filesOf(record)).toEqual(["DB.duckdb", ...laidOut.filter((name) => !name.includes("named"))]);
    expect(record.tables.find(({ name }) => name === "fct")).toMatchObject({
      rows: 1,
      parquet: { path: "main_mart/fct.parquet", builtAt: "elsewhere/fct.parquet" },
    });
  });

  test("a configured schema: the build finds its tables by its own names for them", async () => {
    const store = storeOf(temporaryFolder(), [{ kind: "parquet", path: ".", schema: "mart" }]);
    await publish(store, modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS n" } }));
    const part = modelsBuild({}, ({ path, dir }) =>
      writeDatabase(path, ...externalModels(dir, { "main_mart.two": { sql: "SELECT n + 1 AS n FROM main_mart.fct" } })),
    );
    await publish(store, part, { base: "active" });
    expect(filesOf(recordIn(store, "r000002"))).toEqual(["mart/fct.parquet", "mart/two.parquet"]);
  });
});

test("a commit that could not switch gives its files back to where the build wrote them, and the next one knows their names", async () => {
  const folder = temporaryFolder();
  const store = storeOf(folder, withDatabase);
  const { build, path, dir } = await beginBuild(store);
  await writeDatabase(path, ...externalModels(dir, models));
  rmSync(join(folder, "releases"), { recursive: true, force: true });
  // The release cannot be moved into place.
  writeFileSync(join(folder, "releases"), "in the way");
  await expect(commitBuild(store, build)).rejects.toMatchObject({ code: expect.any(String) as unknown });
  rmSync(join(folder, "releases"));
  for (const name of ["fct.parquet", "other.parquet", "days/k=1/data_0.parquet", "deep/er/plain.parquet"])
    expect(existsSync(join(dir, name))).toBe(true);
  expect(await commitBuild(store, build)).toMatchObject({ outcome: "switched" });
  expect(filesOf(recordIn(store, "r000002"))).toEqual(["DB.duckdb", ...laidOut]);
});

describe("where a release would have two things in one place", () => {
  const refusal = async (artifacts: Parameters<typeof storeOf>[1], also: (dir: string) => Promise<void>): Promise<string> => {
    const fct = { sql: "SELECT 1 AS a", at: "mart/fct.parquet" };
    const build = modelsBuild({ "mart.fct": fct }, ({ dir }) => also(dir));
    const result = await publish(storeOf(temporaryFolder(), artifacts), build);
    expect(result.outcome).toBe("refused");
    return result.checks.find(({ status }) => status === "fail")?.message ?? "";
  };
  const file = async (path: string, sql: string): Promise<void> => {
    mkdirSync(dirname(path), { recursive: true });
    await writeParquet(path, sql);
  };

  test("a file of one table in the folder of another", async () => {
    const message = await refusal(parquetOnly, (dir) => file(join(dir, "mart/extra.parquet"), "SELECT 2 AS a"));
    expect(message).toContain(
      "mart/fct.parquet is table mart.fct, to lie at mart/fct.parquet in the release, where table main.mart lies, too",
    );
  });

  test("two files of one name, which would overwrite each other", async () => {
    const artifacts = [
      { kind: "parquet", path: "mart" },
      { kind: "parquet", path: "Mart2", schema: "other" },
    ] as const;
    const build = modelsBuild({ "mart2.x": { sql: "SELECT 1 AS a", at: "mart/x.parquet" } }, ({ dir }) =>
      file(join(dir, "Mart2/x.parquet"), "SELECT 2 AS a"),
    );
    const result = await publish(storeOf(temporaryFolder(), artifacts), build);
    expect(result.outcome).toBe("refused");
    expect(result.checks.find(({ status }) => status === "fail")?.message).toContain("mart/x.parquet is table mart2.x");
  });
});

test("FACTS 1.3: a build function that leaves the DuckDB file open is told so, also beside Parquet tables", async () => {
  let left: DuckDBInstance | undefined;
  const build = modelsBuild({ "mart.fct": { sql: "SELECT 1 AS a" } }, async ({ path }) => {
    left = await DuckDBInstance.create(path);
  });
  try {
    await expect(publish(storeOf(temporaryFolder(), withDatabase), build)).rejects.toMatchObject({ code: "BUILD_UNFINISHED" });
  } finally {
    left?.closeSync();
  }
});

test("a view of an artifact's whole folder is no table, and takes nothing with it when it changes", async () => {
  const store = storeOf(temporaryFolder(), [{ kind: "parquet", path: "mart" }]);
  const build = modelsBuild({}, async ({ dir, path }) => {
    await writeParquet(join(dir, "mart/a.parquet"), "SELECT 1 AS a");
    await writeParquet(join(dir, "mart/b.parquet"), "SELECT 2 AS a");
    await writeDatabase(path, `CREATE VIEW everything AS SELECT * FROM read_parquet('${dir}/mart/*.parquet')`);
  });
  expect(await publish(store, build)).toMatchObject({ outcome: "switched" });
  expect(filesOf(recordIn(store, "r000001"))).toEqual(["mart/a.parquet", "mart/b.parquet"]);
});

test("an external model that is no Parquet file in an artifact's folder is told, as a warning", async () => {
  const store = storeOf(temporaryFolder(), parquetOnly);
  const nodes = { ...external("main_mart", "fct"), ...external("main_mart", "words"), ...external("main_mart", "skipped") };
  const also = ({ dir }: { readonly dir: string }) => {
    writeFileSync(join(dir, "words.csv"), "word\nx\n");
    leaveDbtFile(dir, "manifest.json", { nodes });
    const results = ["fct", "words"].map((name) => ({ unique_id: `model.p.${name}`, status: "success" }));
    leaveDbtFile(dir, "run_results.json", { args: { which: "build" }, results });
  };
  const result = await publish(store, modelsBuild({ "main_mart.fct": { sql: "SELECT 1 AS a" } }, also));
  expect(result.outcome).toBe("switched");
  expect(result.checks.find(({ name }) => name === "dbt_tables")).toMatchObject({
    severity: "warn",
    status: "fail",
    observed: "main_mart.words",
  });
});
