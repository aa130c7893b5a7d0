import { dirname, join } from "node:path";
import type { CheckResult } from "../../model/check.ts";
import type { RecordedDataset } from "../../model/dataset.ts";
import type { DbtManifest } from "../../model/dbt/files.ts";
import { dbtDatasets } from "../../model/dbt/datasets.ts";
import { sourceChecks } from "../../model/dbt/results.ts";
import { digestFile } from "../build/digest.ts";
import type { BuildFolder } from "../build/folder.ts";
import type { SealedFile } from "../build/seal.ts";
import type { ReleaseStore } from "../store.ts";
import { dbtTarget, readableCheck, type DbtFiles } from "./files.ts";

/** What dbt says of what it has built, the manifest first. */
const keptFiles = ["manifest.json", "run_results.json", "catalog.json", "sources.json"] as const;

/** What dbt left in a build's folder. */
export interface DbtProvenance {
  /** Durable and hashed; to be kept with the release. */
  readonly files: readonly SealedFile[];
  readonly datasets: readonly RecordedDataset[];
  readonly checks: readonly CheckResult[];
  readonly manifest: DbtManifest | undefined;
}

/** Seals what dbt says of the build; `undefined` where the build was none of dbt's. Throws what reading a file throws. */
export async function sealDbt(
  store: ReleaseStore,
  { folder }: BuildFolder,
  { dbt, signal }: { readonly dbt: DbtFiles; readonly signal: AbortSignal | undefined },
): Promise<DbtProvenance | undefined> {
  const target = join(folder, dbtTarget);
  const isThere = (name: string) => store.platform.files.statNow(join(target, name))?.kind === "file";
  if (!isThere("manifest.json")) return undefined;
  const files: SealedFile[] = [];
  for (const file of keptFiles.filter(isThere)) {
    const name = `${dbtTarget}/${file}`;
    const { digest, stat } = await digestFile(store, join(target, file), { sync: true, signal });
    files.push({ name, source: name, bytes: digest.bytes, sha256: digest.sha256, stat });
  }
  await store.platform.files.syncFolder(dirname(join(target, "manifest.json")));
  const found = dbt.manifest ? dbtDatasets(dbt.manifest, dbt.catalog) : { datasets: [], problems: [] };
  const problems = [...dbt.problems, ...found.problems];
  return {
    files,
    datasets: found.datasets,
    checks: [readableCheck(problems, found.datasets.length), ...(dbt.sources ? sourceChecks(dbt.sources) : [])],
    manifest: dbt.manifest,
  };
}
