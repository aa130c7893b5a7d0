import { createHash } from "node:crypto";
import { z } from "zod";
import { firstLine, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { isSlot, layoutOfActive, type LayoutKind } from "./layout.ts";
import { isBasename, releaseIdPattern } from "./names.ts";
import { formatVersion } from "./version.ts";

/** A manifest larger than this is refused: file lists live in the release record. */
export const manifestBytesMax = 64 * 1024;

/** Why a switch happened. `foreign`: another program replaced the manifest. */
export const switchReasons = ["publish", "rollback", "adopt", "foreign"] as const;

/** One of `switchReasons`. */
export type SwitchReason = (typeof switchReasons)[number];

const versionSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const previousSchema = z.object({ active: z.string(), version: versionSchema, release: z.string() });

/** Shape of a manifest that Lockkeeper writes; `docs/format.md` describes each field. */
export const manifestSchema = z.object({
  active: z.string().describe('The active release: a slot, "a" or "b", or a release id.'),
  version: versionSchema.describe("Rises by one at every switch, rollback included."),
  lastUpdated: z.iso.datetime().describe("When the switch happened, RFC 3339 UTC."),
  formatVersion: z.int().min(1),
  store: z.string(),
  layout: z.enum(["slots", "releases"]),
  basename: z.string().refine(isBasename).describe("Stem of the data file and the name it is attached under."),
  release: z.string().regex(releaseIdPattern).describe("Id of the active release."),
  commit: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .describe("Random: no two manifests are alike."),
  record: z.object({ path: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  previous: previousSchema.optional(),
  reason: z.enum(["publish", "rollback", "adopt"]),
  note: z.string().optional().describe("Why, in the operator's words."),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("sha256 over the other fields; tells an edit by another program."),
});

/** A manifest that Lockkeeper wrote. */
export type OwnManifest = z.infer<typeof manifestSchema>;

/**
 * A manifest as readers take it. `own` is present when Lockkeeper wrote it and nothing has edited it since;
 * otherwise the three fields are all there is, and the release is another program's.
 */
export interface Manifest {
  readonly active: string;
  readonly version: number;
  readonly lastUpdated: string | undefined;
  readonly layout: LayoutKind;
  readonly basename: string | undefined;
  readonly own: OwnManifest | undefined;
}

/** What the manifest's file looked like when it was read, as far as its identity goes. */
export interface ManifestStat {
  readonly kind: string;
  readonly device: bigint;
  readonly inode: bigint;
  readonly bytes: number;
  readonly changedNs: bigint;
}

/** A manifest with its identity: what readers and builds compare, never versions. */
export interface IdentifiedManifest {
  readonly manifest: Manifest;
  readonly identity: string;
}

/**
 * A manifest from what was read at its path. `bytes` is `undefined` for something that is not a regular file or is over `manifestBytesMax`.
 * Throws `MANIFEST_INVALID` or `FORMAT_UNSUPPORTED`.
 */
export function identifyManifest(
  read: { readonly bytes: Buffer | undefined; readonly stat: ManifestStat },
  path: string,
): IdentifiedManifest {
  const { bytes, stat } = read;
  if (bytes === undefined) {
    const what =
      stat.kind === "file"
        ? `has ${stat.bytes} bytes; at most ${manifestBytesMax} are read`
        : `is not a regular file (${stat.kind})`;
    throw new LockkeeperError("MANIFEST_INVALID", `${path} ${what}`, { hint: manifestHint, subject: path });
  }
  return { manifest: parseManifest(bytes, path), identity: manifestIdentity(bytes, stat) };
}

/**
 * Identity of a manifest: device, inode, size, change time and bytes. Neither a version, nor an inode, nor a time alone tells two
 * manifests apart: foreign writers repeat versions, and inodes and times come again within microseconds.
 */
export function manifestIdentity(bytes: Buffer, stat: ManifestStat): string {
  return [stat.device, stat.inode, stat.bytes, stat.changedNs, sha256Hex(bytes)].join(":");
}

/** sha256 as lower-case hex. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The bytes of a new manifest; adds `formatVersion` and `digest`. Throws `USAGE` for one that no reader would take: the note is too long. */
export function renderManifest(fields: Omit<OwnManifest, "formatVersion" | "digest">): Buffer {
  const { active, version, lastUpdated, ...rest } = fields;
  const body = { active, version, lastUpdated, formatVersion, ...rest };
  const bytes = Buffer.from(`${JSON.stringify({ ...body, digest: digestOf(body) }, null, 2)}\n`);
  if (bytes.length <= manifestBytesMax) return bytes;
  throw new LockkeeperError("USAGE", `the manifest would have ${bytes.length} bytes; readers take at most ${manifestBytesMax}`, {
    hint: "Give a shorter reason.",
    subject: "reason",
  });
}

/**
 * Reads a manifest's bytes. Throws `MANIFEST_INVALID` naming the field, or `FORMAT_UNSUPPORTED`.
 * `path` is for the message only.
 */
export function parseManifest(bytes: Buffer, path: string): Manifest {
  const value = parseObject(bytes, path);
  if (typeof value["formatVersion"] === "number" && value["formatVersion"] > formatVersion) {
    throw new LockkeeperError(
      "FORMAT_UNSUPPORTED",
      `${path} has formatVersion ${value["formatVersion"]}; this version knows ${formatVersion}`,
      {
        hint: "Upgrade Lockkeeper here, or roll back with the version that wrote it.",
        subject: path,
      },
    );
  }
  const { active, version } = value;
  if (typeof active !== "string" || !(isSlot(active) || releaseIdPattern.test(active))) {
    throw invalid({ path, field: "active", value: active, rule: 'must be "a", "b" or a release id such as "r000042"' });
  }
  if (!versionSchema.safeParse(version).success) {
    throw invalid({ path, field: "version", value: version, rule: "must be a non-negative integer up to 2^53 - 1" });
  }
  const own = ownManifest(value);
  const basename = typeof value["basename"] === "string" ? value["basename"] : undefined;
  const lastUpdated = typeof value["lastUpdated"] === "string" ? value["lastUpdated"] : undefined;
  // JSON has a minus zero; it is no other version than zero.
  return {
    active,
    version: Math.abs(version as number),
    lastUpdated,
    layout: layoutOfActive(active),
    basename,
    own,
  };
}

/** The manifest's basename, where it has one. Throws `MANIFEST_INVALID` for one that is no plain stem; `path` is for the message. */
export function basenameIn(manifest: Pick<Manifest, "basename">, path: string): string | undefined {
  const { basename } = manifest;
  if (basename === undefined || isBasename(basename)) return basename;
  throw invalid({
    path,
    field: "basename",
    value: basename,
    rule: "must be a plain file stem that DuckDB does not keep for itself",
  });
}

/** Name of a release that another program put in place. */
export function foreignRelease(manifest: Pick<Manifest, "active" | "version">): string {
  return `v${manifest.version}-${manifest.active}`;
}

/** The release id a manifest speaks of, ours or foreign. */
export function releaseOf(manifest: Manifest): string {
  return manifest.own?.release ?? foreignRelease(manifest);
}

function ownManifest(value: Record<string, unknown>): OwnManifest | undefined {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { digest, ...body } = value;
  try {
    return digest === digestOf(body) ? parsed.data : undefined;
  } catch {
    // Another program's addition, nested deeper than the stack that writing it takes.
    return undefined;
  }
}

function digestOf(body: Record<string, unknown>): string {
  const names = Object.keys(body).filter((name) => body[name] !== undefined);
  const sorted = names.toSorted((left, right) => (left < right ? -1 : 1));
  return sha256Hex(JSON.stringify(sorted.map((name) => [name, body[name]])));
}

function parseObject(bytes: Buffer, path: string): Record<string, unknown> {
  const value = parseJson(bytes, path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LockkeeperError("MANIFEST_INVALID", `${path} is not one JSON object`, { hint: manifestHint, subject: path });
  }
  return value as Record<string, unknown>;
}

function parseJson(bytes: Buffer, path: string): unknown {
  const refused = (what: string, cause?: unknown) =>
    new LockkeeperError("MANIFEST_INVALID", `${path} ${what}`, { hint: manifestHint, subject: path, cause });
  if (bytes.length === 0) throw refused("is empty");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refused("is not text in UTF-8", cause);
  }
  if (text.startsWith("\uFEFF")) throw refused("begins with a byte order mark; it must be UTF-8 without one");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused(`is not JSON: ${firstLine(cause)}`, cause);
  }
}

function invalid(what: {
  readonly path: string;
  readonly field: string;
  readonly value: unknown;
  readonly rule: string;
}): LockkeeperError {
  const { path, field, value, rule } = what;
  // JSON has no word for Infinity, which is what 1e400 is read as.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  const shown = value === undefined ? "missing" : text.slice(0, 80);
  return new LockkeeperError("MANIFEST_INVALID", `${path}: "${field}" is ${shown}; it ${rule}`, {
    hint: manifestHint,
    subject: path,
  });
}

const manifestHint =
  'A manifest is at least {"active": "a", "version": 1}; write it to a temporary file and rename it into place.';
