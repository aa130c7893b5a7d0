import type { Variant } from "./variant.ts";

const scope = "test/server/datasets/scope.test.ts";
const dbt = "test/server/datasets/dbt.test.ts";

/** What keeps a caller to its own rows. */
export const scoping: readonly Variant[] = [
  {
    name: "a scope that is compared as its column's type alone",
    edits: [
      {
        file: "server/datasets/scope.ts",
        find: " AND encode(CAST(${column} AS VARCHAR)) = encode(${bound})",
        replace: "",
      },
    ],
    caughtBy: { file: scope, title: "values that are nearly another's: a number that would be rounded" },
    says: /AssertionError/,
  },
  {
    name: "an answer that is kept for all callers",
    edits: [
      {
        file: "server/routes/dataset-rows.ts",
        find: 'scope === undefined ? "" : `scope ${JSON.stringify(scope)}`',
        replace: '""',
      },
    ],
    caughtBy: { file: scope, title: "an ETag of another is no 304" },
    says: /AssertionError/,
  },
  {
    name: "views that are open beside a scope",
    edits: [
      {
        file: "server/datasets/datasets.ts",
        find: 'closed.has(table) || (isScoped && table.kind === "view")',
        replace: "closed.has(table)",
      },
    ],
    caughtBy: { file: scope, title: "no row of another by tables, views, named queries" },
    says: /AssertionError/,
  },
  {
    name: "an old release without the scopes of today",
    edits: [
      {
        file: "server/datasets/datasets.ts",
        find: "const active = named === undefined ? undefined : await this.#active(store);",
        replace: "const active = undefined as string | undefined;",
      },
    ],
    caughtBy: { file: dbt, title: "a scope that came later closes the releases before it" },
    says: /AssertionError/,
  },
  {
    name: "a build without dbt that drops the datasets",
    edits: [
      {
        file: "release/install.ts",
        find: "build.sealed.dbt?.datasets ?? datasetsBefore(store, state)",
        replace: "build.sealed.dbt?.datasets",
      },
    ],
    caughtBy: { file: dbt, title: "a build without dbt keeps the datasets of the release before" },
    says: /AssertionError/,
  },
];
