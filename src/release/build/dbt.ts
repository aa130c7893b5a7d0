import { dirname, join } from "node:path";
import type { CheckResult } from "../../model/check.ts";
import type { RecordedDataset } from "../../model/dataset.ts";
import { dbtDatasets } from "../../model/dbt/datasets.ts";
import { dbtCatalogSchema, dbtManifestSchema } from "../../model/dbt/files.ts";
import type { ReleaseStore } from "../store.ts";
import { digestFile } from "./digest.ts";
import type { BuildFolder } from "./folder.ts";
import type { SealedFile } from "./seal.ts";

/** The folder of a build that dbt writes its own files to, by `DBT_TARGET_PATH`. */
export const dbtTarget = "dbt-target";

/** What dbt says of what it has built, the manifest first. */
const keptFiles = ["manifest.json", "catalog.json"] as const;

/** A larger one is refused unread. Bytes. */
const fileBytesMax = 256 * 1024 * 1024;

/** What dbt left in a build's folder. */
export interface DbtProvenance {
  /** Durable and hashed; to be kept with the release. */
  readonly files: readonly SealedFile[];
  readonly datasets: readonly RecordedDataset[];
  /** Whether the datasets could be read: a release without them might show rows that its scope columns keep from others. */
  readonly check: CheckResult;
}

/** Seals what dbt says of the build; `undefined` where the build was none of dbt's. Throws what reading a file throws. */
export async function sealDbt(
  store: ReleaseStore,
  { folder }: BuildFolder,
  signal: AbortSignal | undefined,
): Promise<DbtProvenance | undefined> {
  const present: string[] = [];
  for (const file of keptFiles) {
    const stat = store.platform.files.statNow(join(folder, dbtTarget, file));
    if (stat?.kind === "file") present.push(file);
    else if (file === "manifest.json") return undefined;
  }
  const files: SealedFile[] = [];
  const texts = new Map<string, string>();
  for (const file of present) {
    const path = join(folder, dbtTarget, file);
    const { digest, stat } = await digestFile(store, path, { sync: true, signal });
    files.push({ name: `${dbtTarget}/${file}`, bytes: digest.bytes, sha256: digest.sha256, stat });
    if (digest.bytes > fileBytesMax)
      return { files, datasets: [], check: refused([`${file} has ${digest.bytes} bytes; ${fileBytesMax} are read at most`]) };
    texts.set(file, store.platform.files.readNow(path, fileBytesMax)?.bytes?.toString("utf8") ?? "");
  }
  await store.platform.files.syncFolder(dirname(join(folder, dbtTarget, "manifest.json")));
  return { files, ...read(texts) };
}

function read(texts: ReadonlyMap<string, string>): Pick<DbtProvenance, "datasets" | "check"> {
  const manifest = parsed(texts.get("manifest.json"), dbtManifestSchema);
  const catalog = texts.has("catalog.json") ? parsed(texts.get("catalog.json"), dbtCatalogSchema) : undefined;
  if (typeof manifest === "string") return { datasets: [], check: refused([`manifest.json ${manifest}`]) };
  if (typeof catalog === "string") return { datasets: [], check: refused([`catalog.json ${catalog}`]) };
  const { datasets, problems } = dbtDatasets(manifest, catalog);
  return { datasets, check: problems.length > 0 ? refused(problems) : passed(datasets.length) };
}

/** The value, or what is wrong with the text. */
function parsed<Value>(
  text: string | undefined,
  schema: {
    safeParse(value: unknown): { data?: Value; error?: { issues: readonly { path: PropertyKey[]; message: string }[] } };
  },
): Value | string {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    return "is not JSON";
  }
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data;
  const issue = error?.issues[0];
  return `is none that is known here: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`;
}

const subject = { name: "dbt_datasets", check: "dbt_datasets", severity: "error" } as const;
const expected = "datasets whose meta can be read";

function passed(count: number): CheckResult {
  return {
    ...subject,
    status: "pass",
    observed: `${count} datasets`,
    expected,
    message: `dbt's manifest offers ${count} datasets`,
  };
}

function refused(problems: readonly string[]): CheckResult {
  return {
    ...subject,
    status: "fail",
    observed: `${problems.length} problems`,
    expected,
    message: problems.slice(0, 10).join("; "),
  };
}
