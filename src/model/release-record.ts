import { z } from "zod";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { artifactSchema, defaultArtifacts, hasDatabase, parquetTableSchema, type Artifact } from "./artifact.ts";
import { checkResultSchema } from "./check.ts";
import { dataFileReference, type LayoutKind, type StorePaths } from "./layout.ts";
import { isBasename } from "./names.ts";
import { recordedDatasetSchema } from "./dataset.ts";
import { relSchema } from "./plan.ts";
import { quickLook } from "./quick-look.ts";
import { watermarkSchema } from "./watermark.ts";
import { formatVersion } from "./version.ts";

/** One file of a release. `path` is relative to the store's folder, with `/`. */
export const releaseFileSchema = z.object({
  path: z.string(),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** One table or view of a release. `rows` is exact for tables; views have none. */
export const releaseTableSchema = z.object({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["table", "view"]),
  rows: z.int().min(0).optional(),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      nullable: z.boolean(),
      nulls: z.int().min(0).optional().describe("How many are NULL, where the footers of Parquet files tell."),
    }),
  ),
  parquet: parquetTableSchema
    .optional()
    .describe("Where it lies, for a table of Parquet files; absent for one of the DuckDB file."),
});

/** Everything that is known of a release, written once before it is installed. */
export const releaseRecordSchema = z.object({
  formatVersion: z.int().min(1),
  release: z.string(),
  uid: z.string().regex(/^[0-9a-f]{32}$/),
  store: z.string(),
  layout: z.enum(["slots", "releases"]),
  basename: z.string(),
  parent: z.string().optional(),
  base: relSchema.optional().describe("The release that this one's data began as a copy of."),
  build: z.string().optional().describe("The build's random id; absent for what was adopted."),
  createdAt: z.iso.datetime(),
  builder: z.object({
    kind: z.enum(["command", "function", "sql", "copy", "folder", "adopted", "detached"]),
    command: z.array(z.string()).optional(),
    sql: z
      .array(z.object({ path: z.string(), sha256: z.string() }))
      .optional()
      .describe("The files of a SQL build, in the order in which they ran; paths as the build knew them."),
    exit: z.int().optional(),
    durationMs: z.number().min(0),
  }),
  storageVersion: z.string().describe("Of the DuckDB file; `none` where the release has none."),
  artifacts: z
    .array(artifactSchema)
    .optional()
    .describe("What the release holds; absent for one that is a DuckDB file and nothing else."),
  files: z.array(releaseFileSchema),
  tables: z.array(releaseTableSchema),
  checks: z.array(checkResultSchema),
  datasets: z
    .array(recordedDatasetSchema)
    .optional()
    .describe("What the dataset API offers of it, as dbt's files said; of a build without dbt, what the release before had."),
  provenance: z.array(releaseFileSchema).optional().describe("Files that tell how it was made, kept beside its data."),
  watermarks: z.array(watermarkSchema).optional().describe("How far the data reaches, as the build reported it; each name once."),
});

/** A release record. */
export type ReleaseRecord = z.infer<typeof releaseRecordSchema>;
/** One file of a release record. */
export type ReleaseFile = z.infer<typeof releaseFileSchema>;
/** One table of a release record. */
export type ReleaseTable = z.infer<typeof releaseTableSchema>;

const isPlainRecord = quickLook(releaseRecordSchema);

/** What a release of this record holds. */
export function artifactsOf({ artifacts }: Pick<ReleaseRecord, "artifacts">): readonly Artifact[] {
  return artifacts ?? defaultArtifacts;
}

/** The DuckDB file of a release; `undefined` for one that has none. */
export function databaseFile(
  record: Pick<ReleaseRecord, "release" | "layout" | "basename" | "files" | "artifacts">,
): ReleaseFile | undefined {
  const active = activeOf(record);
  return record.files.find(({ path }) => active !== undefined && path === dataFileReference(record.basename, active));
}

/**
 * What a manifest calls the release of a record; `undefined` where its files do not lie where its layout puts them: so that nobody follows a record out of the
 * release.
 */
export function activeOf(
  record: Pick<ReleaseRecord, "release" | "layout" | "basename" | "files" | "artifacts">,
): string | undefined {
  const { layout, release, basename, files } = record;
  if (!isBasename(basename)) return undefined;
  const isAt = (active: string) => files.some(({ path }) => path === dataFileReference(basename, active));
  if (layout === "slots") return files.length === 1 ? ["a", "b"].find(isAt) : undefined;
  if (files.length === 0 || !files.every(({ path }) => isInside(path, `releases/${release}`))) return undefined;
  return hasDatabase(artifactsOf(record)) && !isAt(release) ? undefined : release;
}

/** Whether a path with `/` lies below a folder, and goes nowhere else on the way. */
function isInside(path: string, folder: string): boolean {
  const parts = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1).split("/") : [];
  return parts.length > 0 && parts.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
}

/** A release record larger than this is refused. Bytes. */
export const recordBytesMax = 64 * 1024 * 1024;

/** A record as it lies in a store. */
export interface FoundRecord {
  readonly record: ReleaseRecord;
  readonly bytes: Buffer;
  readonly layout: LayoutKind;
}

/** A store that was converted has records of both layouts. */
const layoutKinds: readonly LayoutKind[] = ["releases", "slots"];

/**
 * The record of a release id, read with `read`, which gives `undefined` where nothing lies; `undefined` where there is none. Throws `RECORD_INVALID`, also for
 * one of another release or of a file elsewhere, so that nobody follows it out of the store; `FORMAT_UNSUPPORTED`.
 */
export function findRecord(
  paths: Pick<StorePaths, "record">,
  release: string,
  read: (path: string) => Buffer | undefined,
): FoundRecord | undefined {
  for (const layout of layoutKinds) {
    const path = paths.record(release, layout);
    const bytes = read(path);
    if (!bytes) continue;
    const record = parseRecord(bytes, path);
    if (record.release === release && activeOf(record) !== undefined) return { record, bytes, layout };
    const file = record.files[0]?.path ?? "no file";
    throw new LockkeeperError("RECORD_INVALID", `${path} is of release ${record.release} in ${file}`, { subject: path });
  }
  return undefined;
}

/** The bytes of a record. */
export function renderRecord(record: Omit<ReleaseRecord, "formatVersion">): Buffer {
  return Buffer.from(`${JSON.stringify({ formatVersion, ...record }, null, 2)}\n`);
}

/** Reads a record's bytes. Throws `RECORD_INVALID` or `FORMAT_UNSUPPORTED`; `path` is for the message. */
export function parseRecord(bytes: Buffer, path: string): ReleaseRecord {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new LockkeeperError("RECORD_INVALID", `${path} is not JSON`, { subject: path, cause });
  }
  const version = (value as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === "number" && version > formatVersion) {
    throw new LockkeeperError("FORMAT_UNSUPPORTED", `${path} has formatVersion ${version}; this version knows ${formatVersion}`, {
      subject: path,
    });
  }
  // A list of releases reads a thousand records, of which zod would take half the time.
  if (isPlainRecord(value)) return value as ReleaseRecord;
  const parsed = releaseRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LockkeeperError("RECORD_INVALID", `${path}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is malformed"}`, {
    subject: path,
  });
}
