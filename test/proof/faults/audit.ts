import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { nodePlatform } from "../../../src/platform/node.ts";

/** What an audit of a store's folder found. */
export interface Audit {
  /** What is wrong, in words; empty for a store as it should be. */
  readonly complaints: readonly string[];
  /** What the manifest names; `undefined` where there is none. */
  readonly active: { readonly version: number; readonly release: string | undefined; readonly sha256: string } | undefined;
}

/** What must hold besides. */
export interface Expectations {
  /** The last version that somebody was told of; 0 for none. */
  readonly acknowledged: number;
  /** Nothing of a crash may be left: asked after the next publish. */
  readonly clean?: boolean;
  /** Every lock must be free. Default true. */
  readonly free?: boolean;
}

interface Manifest {
  readonly active: string;
  readonly version: number;
  readonly basename?: string;
  readonly release?: string;
  readonly commit?: string;
  readonly record?: { readonly path: string; readonly sha256: string };
}

interface Line {
  readonly id: number;
  readonly type: string;
  readonly version?: number;
  readonly commit?: string;
}

/**
 * Looks at a store with nothing but the file system and the documented format (docs/format.md): the manifest names a whole release, no acknowledged version is
 * lost, the history has neither gap nor double line, and, where asked, nothing of a crash is left.
 */
export async function auditStore(folder: string, expected: Expectations): Promise<Audit> {
  const complaints: string[] = [];
  const complain = (text: string) => void complaints.push(text);
  const active = auditManifest(folder, complain);
  if ((active?.version ?? 0) < expected.acknowledged)
    complain(`version ${active?.version ?? "none"} is active, but ${expected.acknowledged} was acknowledged`);
  auditHistory(folder, complain);
  for (const release of switchedTo(folder)) auditFolder(folder, release, complain);
  if (expected.clean) auditLeftovers(folder, complain);
  if (expected.free !== false) await auditLocks(folder, complain);
  return { complaints, active };
}

function auditManifest(folder: string, complain: (text: string) => void): Audit["active"] {
  const path = join(folder, "db_manifest.json");
  if (!existsSync(path)) return undefined;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
  } catch (error) {
    complain(`the manifest is no JSON: ${String(error)}`);
    return undefined;
  }
  const { version, release, record, basename = "DB" } = manifest;
  const reference = referenceOf(manifest.active, basename);
  const data = join(folder, reference);
  if (!existsSync(data)) complain(`${data} is missing`);
  const bytes = existsSync(data) ? readFileSync(data) : Buffer.alloc(0);
  const sha256 = sha256Of(bytes);
  if (existsSync(`${data}.wal`)) complain(`a write-ahead log lies beside ${data}`);
  // Another program's manifest, before an adoption: there is no record to compare with.
  if (manifest.commit === undefined) return { version, release, sha256 };
  if (!record || !existsSync(join(folder, record.path))) {
    complain(`the record of ${release} is missing`);
    return { version, release, sha256 };
  }
  const recordBytes = readFileSync(join(folder, record.path));
  if (sha256Of(recordBytes) !== record.sha256) complain(`the record of ${release} is not the one the manifest names`);
  const { files } = JSON.parse(recordBytes.toString()) as {
    files: readonly { path: string; bytes: number; sha256: string }[];
  };
  const [file] = files;
  if (file?.path !== reference) complain(`${release} is recorded as ${file?.path}`);
  if (file?.sha256 !== sha256 || file.bytes !== bytes.length)
    complain(`${release} is not whole: ${data} differs from its record`);
  if (!existsSync(join(folder, `.lockkeeper/pins/${release}.pin`))) complain(`${release} has no pin`);
  return { version, release, sha256 };
}

function referenceOf(active: string, basename: string): string {
  return /^[ab]$/.test(active) ? `${basename}_${active}.duckdb` : `releases/${active}/${basename}.duckdb`;
}

/** Every release that was ever active. */
function switchedTo(folder: string): readonly string[] {
  const path = join(folder, ".lockkeeper/history.jsonl");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  return [...new Set([...text.matchAll(/"release":"(r\d+)"/g)].map(([, release = ""]) => release))];
}

/** What is left of a release folder is all of it: nothing that is listed as kept was half pruned. */
function auditFolder(folder: string, release: string, complain: (text: string) => void): void {
  const path = join(folder, "releases", release);
  if (!existsSync(path)) return;
  try {
    const { files } = JSON.parse(readFileSync(join(path, "release.json"), "utf8")) as {
      files: readonly { path: string; sha256: string }[];
    };
    for (const file of files)
      if (sha256Of(readFileSync(join(folder, file.path))) !== file.sha256) complain(`${file.path} differs from its record`);
  } catch (error) {
    complain(`${release} is not whole: ${String(error)}`);
  }
}

/** A torn last line is legal until the next append; one switch may lack its line until the next switch. */
function auditHistory(folder: string, complain: (text: string) => void): void {
  const path = join(folder, ".lockkeeper/history.jsonl");
  if (!existsSync(path)) return;
  const text = readFileSync(path, "utf8");
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  const events: Line[] = [];
  for (const line of lines.filter(Boolean)) {
    try {
      events.push(JSON.parse(line) as Line);
    } catch {
      complain(`the history has a line that is no JSON: ${line.slice(0, 80)}`);
    }
  }
  const ids = events.map(({ id }) => id);
  if (ids.some((id, index) => id !== index + 1)) complain(`the history's ids are ${ids.join(" ")}`);
  const commits = events.flatMap(({ commit }) => commit ?? []);
  if (new Set(commits).size < commits.length) complain("the history tells of one switch twice");
  const versions = events.filter(({ type }) => type === "release.switched").map(({ version }) => version ?? 0);
  if (versions.some((version, index) => version <= (versions[index - 1] ?? 0))) {
    complain(`the history's versions are ${versions.join(" ")}`);
  }
}

function auditLeftovers(folder: string, complain: (text: string) => void): void {
  const names = (part: string) => (existsSync(join(folder, part)) ? readdirSync(join(folder, part)) : []);
  for (const part of [".lockkeeper/builds", ".lockkeeper/trash"]) {
    if (names(part).length > 0) complain(`${part} holds ${names(part).join(" ")}`);
  }
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".tmp") || path.endsWith(".wal")) complain(`${path} is left`);
  }
  const known = /^(?:\.lockkeeper|\.writer\.lock|db_manifest\.json|releases|[^/]+_[ab]\.duckdb)$/;
  const strange = names(".").filter((name) => !known.test(name));
  if (strange.length > 0) complain(`the folder holds ${strange.join(" ")}`);
  if (names(".lockkeeper/quarantine").length > 3) complain("quarantine holds more than it keeps");
}

async function auditLocks(folder: string, complain: (text: string) => void): Promise<void> {
  const { files, locks } = nodePlatform();
  for (const name of [".writer.lock", ".lockkeeper/build.lock", ".lockkeeper/webhooks/deliver.lock"]) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const file = await files.open(path, "update");
    try {
      if (locks.tryLock(file, "exclusive")) locks.unlock(file);
      else complain(`${name} is held`);
    } finally {
      await file.close();
    }
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
