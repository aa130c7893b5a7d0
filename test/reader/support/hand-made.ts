import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { recordReference, storePaths } from "../../../src/model/layout.ts";
import { renderManifest } from "../../../src/model/manifest.ts";
import { releaseId } from "../../../src/model/names.ts";
import { renderRecord } from "../../../src/model/release-record.ts";
import { writeDatabase } from "../../support/store.ts";
import { writeSqlite } from "../../support/sqlite.ts";

/** A store of layout `releases` whose releases hold a DuckDB file and SQLite files; all have a table `t` with the release's number, or what `tables` writes. Written by hand, so that reading is all that is tested. */
export class HandMadeStore {
  readonly folder: string;
  readonly #files: readonly string[];
  readonly #tables: (version: number) => readonly string[];
  #version = 0;

  constructor(folder: string, files: readonly string[], tables = numbered) {
    this.folder = folder;
    this.#files = files;
    this.#tables = tables;
  }

  /** Makes the next release active and returns its id. */
  async publish(): Promise<string> {
    this.#version += 1;
    const paths = storePaths(this.folder);
    const release = releaseId(this.#version);
    mkdirSync(paths.release(release), { recursive: true });
    const table = this.#tables(this.#version);
    await writeDatabase(join(paths.release(release), "holdings.duckdb"), ...table);
    for (const name of this.#files) {
      mkdirSync(dirname(join(paths.release(release), name)), { recursive: true });
      writeSqlite(join(paths.release(release), name), ...table);
    }
    const record = renderRecord({
      release,
      uid: createHash("md5").update(release).digest("hex"),
      store: "holdings",
      layout: "releases",
      basename: "holdings",
      createdAt: new Date().toISOString(),
      builder: { kind: "function", durationMs: 1 },
      storageVersion: "v1.5.0",
      artifacts: [{ kind: "duckdb" }, ...this.#files.map((path) => ({ kind: "sqlite" as const, path }))],
      files: ["holdings.duckdb", ...this.#files].map((name) => this.#sealed(`releases/${release}/${name}`)),
      tables: [],
      checks: [],
    });
    const path = recordReference(release, "releases");
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), record);
    mkdirSync(paths.pins, { recursive: true });
    writeFileSync(paths.pin(release), "");
    this.#switchTo(release, record);
    return release;
  }

  #switchTo(release: string, record: Buffer): void {
    const paths = storePaths(this.folder);
    const manifest = renderManifest({
      active: release,
      version: this.#version,
      lastUpdated: new Date().toISOString(),
      store: "holdings",
      layout: "releases",
      basename: "holdings",
      release,
      commit: createHash("md5").update(release).digest("hex"),
      record: { path: recordReference(release, "releases"), sha256: createHash("sha256").update(record).digest("hex") },
      reason: "publish",
    });
    writeFileSync(`${paths.manifest}.next`, manifest);
    renameSync(`${paths.manifest}.next`, paths.manifest);
  }

  #sealed(path: string) {
    const file = join(this.folder, path);
    chmodSync(file, 0o444);
    return { path, bytes: statSync(file).size, sha256: createHash("sha256").update(readFileSync(file)).digest("hex") };
  }
}

function numbered(version: number): readonly string[] {
  return ["CREATE TABLE t (n INTEGER)", `INSERT INTO t VALUES (${version})`];
}
