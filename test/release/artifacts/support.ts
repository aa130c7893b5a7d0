import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Artifact } from "../../../src/model/artifact.ts";
import type { ReleaseStoreOptions } from "../../../src/release/open.ts";
import type { BuildContext, BuildSource, ReleaseStore } from "../../../src/release/store.ts";
import { writeParquet } from "../../support/parquet.ts";
import { storeIn, writeDatabase } from "../../support/store.ts";

/** A DuckDB file with Parquet tables beside it. */
export const two: readonly Artifact[] = [{ kind: "duckdb" }, { kind: "parquet", path: "mart" }];

/** A store of layout `releases` with these artifacts. */
export function storeOf(
  folder: string,
  artifacts: readonly Artifact[] = two,
  options: Partial<ReleaseStoreOptions> = {},
): ReleaseStore {
  return storeIn(folder, { layout: "releases", artifacts, ...options });
}

/** A build that writes files by their paths in its folder, each as the rows of a statement, and then does something else. */
export function martBuild(
  files: Readonly<Record<string, string>>,
  { tag = 1, also }: { readonly tag?: number; readonly also?: (context: BuildContext) => unknown } = {},
): BuildSource {
  return {
    kind: "function",
    async build(context) {
      await writeDatabase(context.path, `CREATE OR REPLACE TABLE meta AS SELECT ${tag} AS tag`);
      for (const [name, sql] of Object.entries(files)) {
        mkdirSync(join(context.dir, name, ".."), { recursive: true });
        await writeParquet(join(context.dir, name), sql);
      }
      await also?.(context);
    },
  };
}
