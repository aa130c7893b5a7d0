import { join } from "node:path";
import type { CheckResult } from "../../model/check.ts";
import {
  dbtCatalogSchema,
  dbtManifestSchema,
  dbtSourcesSchema,
  type DbtCatalog,
  type DbtManifest,
  type DbtSources,
} from "../../model/dbt/files.ts";
import type { ReleaseStore } from "../store.ts";

/** The folder of a build that dbt writes its own files to, by `DBT_TARGET_PATH`. */
export const dbtTarget = "dbt-target";

/** A larger one is refused unread. Bytes. */
const dbtFileBytesMax = 256 * 1024 * 1024;

/** What dbt says of a build, as far as it is read. */
export interface DbtFiles {
  /** `undefined` where the build was none of dbt's, and where it cannot be read. */
  readonly manifest: DbtManifest | undefined;
  readonly catalog: DbtCatalog | undefined;
  readonly sources: DbtSources | undefined;
  /** What cannot be read, and why. */
  readonly problems: readonly string[];
}

/** Reads what dbt left in a build's folder. Throws what the system says of a disk. */
export function readDbtFiles(store: ReleaseStore, folder: string): DbtFiles {
  const problems: string[] = [];
  const read = <Value>(name: string, schema: Schema<Value>): Value | undefined => {
    const { value, problem } = readJsonFile(store, join(folder, dbtTarget, name), schema);
    if (problem !== undefined) problems.push(`${name} ${problem}`);
    return value;
  };
  return {
    manifest: read("manifest.json", dbtManifestSchema),
    catalog: read("catalog.json", dbtCatalogSchema),
    sources: read("sources.json", dbtSourcesSchema),
    problems,
  };
}

/** The check that nothing of dbt's is lost because it could not be read: a release without its datasets might show rows that their scope columns keep from others. */
export function readableCheck(problems: readonly string[], datasets: number): CheckResult {
  const subject = {
    name: "dbt_datasets",
    check: "dbt_datasets",
    severity: "error",
    expected: "datasets whose meta can be read",
  } as const;
  if (problems.length === 0) {
    return {
      ...subject,
      status: "pass",
      observed: `${datasets} datasets`,
      message: `dbt's manifest offers ${datasets} datasets`,
    };
  }
  return { ...subject, status: "fail", observed: `${problems.length} problems`, message: problems.slice(0, 10).join("; ") };
}

interface Schema<Value> {
  safeParse(value: unknown): {
    readonly data?: Value;
    readonly error?: { readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[] };
  };
}

/** The value of a JSON file with the bytes that it was read from, or what is wrong with it; neither where there is none. */
export function readJsonFile<Value>(
  store: ReleaseStore,
  path: string,
  schema: Schema<Value>,
): { readonly value?: Value; readonly bytes?: Buffer | undefined; readonly problem?: string } {
  const { files } = store.platform;
  const stat = files.statNow(path);
  if (stat?.kind !== "file") return {};
  if (stat.bytes > dbtFileBytesMax) return { problem: `has ${stat.bytes} bytes; ${dbtFileBytesMax} are read at most` };
  const bytes = files.readNow(path, dbtFileBytesMax)?.bytes;
  let value: unknown;
  try {
    value = JSON.parse(bytes?.toString("utf8") ?? "");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: "is not JSON" };
  }
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return { value: data, bytes };
  const issue = error?.issues[0];
  return { problem: `is none that is known here: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}` };
}
