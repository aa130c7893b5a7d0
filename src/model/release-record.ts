import { z } from "zod";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { checkResultSchema } from "./check.ts";
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
  columns: z.array(z.object({ name: z.string(), type: z.string(), nullable: z.boolean() })),
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
  createdAt: z.iso.datetime(),
  builder: z.object({
    kind: z.enum(["command", "function", "copy", "adopted"]),
    command: z.array(z.string()).optional(),
    exit: z.int().optional(),
    durationMs: z.number().min(0),
  }),
  storageVersion: z.string(),
  files: z.array(releaseFileSchema),
  tables: z.array(releaseTableSchema),
  checks: z.array(checkResultSchema),
});

/** A release record. */
export type ReleaseRecord = z.infer<typeof releaseRecordSchema>;
/** One file of a release record. */
export type ReleaseFile = z.infer<typeof releaseFileSchema>;
/** One table of a release record. */
export type ReleaseTable = z.infer<typeof releaseTableSchema>;

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
  const parsed = releaseRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LockkeeperError("RECORD_INVALID", `${path}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is malformed"}`, {
    subject: path,
  });
}
