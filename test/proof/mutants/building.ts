import type { Variant } from "./variant.ts";

const tables = "test/release/dbt/tables.test.ts";
const outcome = "test/release/dbt/outcome.test.ts";

/** What makes a release of what dbt has built. */
export const building: readonly Variant[] = [
  {
    name: "tables that are named by the paths of their files",
    edits: [
      {
        file: "release/build/places.ts",
        find: "views.flatMap((view) => placeOfView(view, folders) ?? []).filter(isWithin)",
        replace: "([] as TablePlace[]).filter(isWithin)",
      },
    ],
    caughtBy: { file: tables, title: "schema and name come from the views of the DuckDB file" },
    says: /AssertionError/,
  },
  {
    name: "views over the build's folder that stay in the release",
    edits: [{ file: "release/dbt/left-views.ts", find: "if (drop.length > 0) await", replace: "if (drop.length < 0) await" }],
    caughtBy: { file: tables, title: "with the DuckDB file in the release, views over its Parquet files are taken out of it" },
    says: /AssertionError/,
  },
  {
    name: "a base that is not shown to the build",
    edits: [
      {
        file: "release/build/base-views.ts",
        find: "await store.engine.changeViews(path, {",
        replace: "await Promise.resolve({",
      },
    ],
    caughtBy: { file: tables, title: "its tables are shown where the build wrote them, and a part is built anew" },
    says: /Catalog Error/,
  },
  {
    name: "files that are given back to where the release had them",
    edits: [{ file: "release/build/places.ts", find: "{ path: `${target}.parquet`, builtAt: place.path },", replace: "" }],
    caughtBy: { file: tables, title: "a commit that could not switch gives its files back to where the build wrote them" },
    says: /AssertionError/,
  },
  {
    name: "every row of NULLs taken for an empty model's",
    edits: [{ file: "release/dbt/empty-models.ts", find: "if (table.hidesRow !== true) continue;", replace: "" }],
    caughtBy: { file: "test/release/dbt/empty.test.ts", title: "the only row of a model that has one stays" },
    says: /AssertionError/,
  },
  {
    name: "a failed model beside a failed test that is told as a refusal",
    edits: [
      {
        file: "model/dbt/results.ts",
        find: "if (first === undefined) return { refused: failed.length > 0, reason: undefined, missing: undefined };",
        replace:
          "if (first === undefined || failed.length > 0) return { refused: failed.length > 0, reason: undefined, missing: undefined };",
      },
    ],
    caughtBy: { file: outcome, title: "a model that failed, beside a failed test" },
    says: /AssertionError/,
  },
  {
    name: "results of a build that dbt's documentation overwrites",
    edits: [
      {
        file: "release/dbt/run-results.ts",
        find: "this.#isKept = isOfBuild(value);",
        replace: "this.#isKept = value !== undefined;",
      },
    ],
    caughtBy: { file: outcome, title: "`dbt docs generate` after a build changes nothing of what it said" },
    says: /AssertionError/,
  },
  {
    name: "a dbt that was killed taken for one that had nothing to say",
    edits: [
      {
        file: "release/dbt/run-results.ts",
        find: `if (kindOf("manifest.json") !== "file" || kindOf("run") !== "folder") return undefined;`,
        replace: `if (kindOf("manifest.json") !== "file" || kindOf("run") !== "file") return undefined;`,
      },
    ],
    caughtBy: { file: outcome, title: "a dbt that began, and left nothing of a build at all, did not come to its end" },
    says: /AssertionError/,
  },
  {
    name: "a statement that reads what the release does not have",
    edits: [
      {
        file: "model/dbt/statement.ts",
        find: "if (!read.every((key) => byKey.has(key))) return undefined;",
        replace: "if (read.length < 0) return undefined;",
      },
    ],
    caughtBy: {
      file: "test/model/dbt/statement.test.ts",
      title: "there is none where it reads a view that the release does not have",
    },
    says: /AssertionError/,
  },
];
