import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Artifact } from "../../../src/model/artifact.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { renderManifest } from "../../../src/model/manifest.ts";
import { releaseId } from "../../../src/model/names.ts";
import { renderRecord, type ReleaseTable } from "../../../src/model/release-record.ts";
import { writeParquet } from "../../support/parquet.ts";
import { writeDatabase } from "../../support/store.ts";

/** A table of a release: its statement by file; a file's path is relative to the release's folder. */
export interface WrittenTable {
  readonly schema: string;
  readonly name: string;
  readonly path: string;
  readonly hive?: readonly string[];
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly files: Readonly<Record<string, string>>;
}

/** What a release is written from. */
export interface WrittenRelease {
  /** Statements of the DuckDB file; there is none without. */
  readonly database?: readonly string[];
  readonly tables: readonly WrittenTable[];
}

/** A store of layout `releases` on disk, written as a publish leaves it. */
export class ParquetStore {
  readonly paths: ReturnType<typeof storePaths>;
  #version = 0;

  constructor(folder: string) {
    this.paths = storePaths(folder);
  }

  /** Writes a release and makes it active; returns its id. */
  async publish(release: WrittenRelease): Promise<string> {
    this.#version += 1;
    const version = this.#version;
    const id = releaseId(version);
    const folder = this.paths.release(id);
    const contents = await writeContents(folder, release, `releases/${id}/`);
    const record = renderRecord({
      ...contents,
      release: id,
      uid: createHash("md5").update(id).digest("hex"),
      store: "marts",
      layout: "releases",
      basename: "marts",
      createdAt: new Date().toISOString(),
      builder: { kind: "function", durationMs: 1 },
      storageVersion: release.database === undefined ? "none" : "v1.5.0",
      checks: [],
    });
    writeFileSync(this.paths.record(id, "releases"), record);
    mkdirSync(this.paths.pins, { recursive: true });
    writeFileSync(this.paths.pin(id), "");
    this.#switchTo(id, record);
    return id;
  }

  /** A refused build, as it lies in quarantine. */
  async quarantine(
    build: string,
    release: WrittenRelease,
    change: (contents: object) => object = (contents) => contents,
  ): Promise<string> {
    const folder = join(this.paths.quarantine, build);
    const contents = change({ basename: "marts", ...(await writeContents(folder, release, "")) });
    writeFileSync(join(folder, "report.json"), JSON.stringify({ build, outcome: "refused", checks: [], contents }));
    return folder;
  }

  #switchTo(id: string, record: Buffer): void {
    const version = this.#version;
    const manifest = renderManifest({
      active: id,
      version,
      lastUpdated: new Date().toISOString(),
      store: "marts",
      layout: "releases",
      basename: "marts",
      release: id,
      commit: createHash("md5").update(String(version)).digest("hex"),
      record: { path: `releases/${id}/release.json`, sha256: createHash("sha256").update(record).digest("hex") },
      reason: "publish",
      ...(version > 1 && { previous: { active: releaseId(version - 1), version: version - 1, release: releaseId(version - 1) } }),
    });
    writeFileSync(`${this.paths.manifest}.new`, manifest);
    renameSync(`${this.paths.manifest}.new`, this.paths.manifest);
  }
}

/** Writes the files, and tells of them as a record does. */
async function writeContents(folder: string, { database, tables }: WrittenRelease, prefix: string) {
  mkdirSync(folder, { recursive: true });
  const paths = tables.flatMap(({ files }) => Object.keys(files));
  for (const { files } of tables) {
    for (const [path, sql] of Object.entries(files)) await writeParquet(join(folder, path), sql);
  }
  if (database !== undefined) {
    await writeDatabase(join(folder, "marts.duckdb"), ...database);
    paths.unshift("marts.duckdb");
  }
  const files = paths.map((path) => {
    const bytes = readFileSync(join(folder, path));
    return { path: `${prefix}${path}`, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  });
  const folders = new Set(tables.map(({ path }) => (path.includes("/") ? dirname(path).split("/")[0] : ".")));
  const parquet = [...folders].map((path): Artifact => ({ kind: "parquet", path: path ?? "." }));
  return {
    artifacts: [...(database === undefined ? [] : [{ kind: "duckdb" } as const]), ...parquet],
    files,
    tables: tables.map((table): ReleaseTable => ({
      schema: table.schema,
      name: table.name,
      kind: "table",
      rows: 0,
      columns: table.columns.map(([name, type]) => ({ name, type, nullable: true })),
      parquet: { path: table.path, files: Object.keys(table.files).length, hive: [...(table.hive ?? [])] },
    })),
  };
}

/** Flips the lowest bit of the byte at the first place of `text` in a file; the size stays. */
export function flipBit(path: string, place: number): void {
  const bytes = readFileSync(path);
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  if (statSync(path).size !== bytes.length) throw new Error("the size changed");
}
