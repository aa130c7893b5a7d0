import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Artifact } from "../../../src/model/artifact.ts";
import type { ReleaseRecord } from "../../../src/model/release-record.ts";
import { readRecord } from "../../../src/release/records.ts";
import type { BuildContext, BuildSource, ReleaseStore } from "../../../src/release/store.ts";
import { writeDatabase } from "../../support/store.ts";

/** Parquet tables wherever a build writes them; the DuckDB file is scratch. */
export const parquetOnly: readonly Artifact[] = [{ kind: "parquet", path: "." }];

/** The same with the DuckDB file in the release. */
export const withDatabase: readonly Artifact[] = [{ kind: "duckdb" }, { kind: "parquet", path: "." }];

/** A model as dbt's external materialization leaves it: a file, and a view over it in the DuckDB file. */
export interface ExternalModel {
  readonly sql: string;
  /** Of the file, or of the folder where there is `partition`: relative to the build's folder. Default: `<name>.parquet`, `<name>`. */
  readonly at?: string;
  readonly partition?: string;
  /** Columns: the model has no row, so it has one of NULLs in its file, and a filter in its view. */
  readonly empty?: readonly string[];
}

const quoted = (path: string): string => path.replaceAll("'", "''");

/** Statements that do what dbt does for external models; names are `schema.table`. */
export function externalModels(dir: string, models: Readonly<Record<string, ExternalModel>>): string[] {
  return Object.entries(models).flatMap(([table, { sql, at, partition, empty }]) => {
    const [schema = "", name = ""] = table.split(".");
    const path = join(dir, at ?? (partition === undefined ? `${name}.parquet` : name));
    mkdirSync(dirname(path), { recursive: true });
    const rows = empty === undefined ? sql : `${sql} UNION ALL SELECT ${empty.map(() => "NULL").join(", ")}`;
    const read = partition === undefined ? path : `${path}${"/*".repeat(partition.split(",").length)}/*.parquet`;
    const filter = empty === undefined ? "" : ` WHERE 1 ${empty.map((column) => `AND "${column}" IS NOT NULL`).join(" ")}`;
    return [
      `CREATE SCHEMA IF NOT EXISTS ${schema}`,
      `COPY (${rows}) TO '${quoted(path)}' (FORMAT parquet${partition === undefined ? "" : `, PARTITION_BY (${partition}), OVERWRITE_OR_IGNORE`})`,
      `CREATE OR REPLACE VIEW ${schema}.${name} AS (SELECT * FROM read_parquet('${quoted(read)}', union_by_name = false)${filter})`,
    ];
  });
}

/** A build that leaves external models, and then does something else. */
export function modelsBuild(
  models: Readonly<Record<string, ExternalModel>>,
  also?: (context: BuildContext) => unknown,
): BuildSource {
  return {
    kind: "function",
    async build(context) {
      await writeDatabase(context.path, ...externalModels(context.dir, models));
      await also?.(context);
    },
  };
}

/** Writes a file of dbt's into a build's folder. */
export function leaveDbtFile(dir: string, name: string, value: unknown): void {
  mkdirSync(join(dir, "dbt-target"), { recursive: true });
  writeFileSync(join(dir, "dbt-target", name), JSON.stringify(value));
}

/** The record of a release. */
export function recordIn(store: ReleaseStore, release: string): ReleaseRecord {
  const found = readRecord(store, release);
  if (found === undefined) throw new Error(`no record of ${release}`);
  return found.record;
}

/** Paths of a release's files, relative to its folder. */
export function filesOf({ files, release }: ReleaseRecord): string[] {
  return files.map(({ path }) => path.slice(`releases/${release}/`.length)).toSorted();
}
