import { createHash } from "node:crypto";
import { recordReference, storePaths, type LayoutKind, type Slot } from "../../../src/model/layout.ts";
import { renderManifest } from "../../../src/model/manifest.ts";
import { releaseId } from "../../../src/model/names.ts";
import { renderRecord } from "../../../src/model/release-record.ts";
import type { ReaderOptions } from "../../../src/reader/options.ts";
import { openReader, type Reader } from "../../../src/reader/reader.ts";
import { FakeEngine } from "./fake-engine.ts";
import { FakePlatform } from "./fake-platform.ts";

/** A slots store in memory, a publisher for it, and readers on it. */
export class FakeStore {
  readonly platform = new FakePlatform();
  readonly engine = new FakeEngine(this.platform);
  readonly paths = storePaths("/store");
  /** Warnings that no listener took. */
  readonly warnings: string[] = [];
  version = 0;

  get clock() {
    return this.platform.clock;
  }

  constructor() {
    this.platform.make("/store", "folder");
  }

  /** Publishes as Lockkeeper does: record, pin, slot file, manifest. Returns the release id. */
  publish(
    slot: Slot,
    content: string,
    change: { readonly pin?: boolean; readonly recordBytes?: number; readonly recordPath?: string } = {},
  ): string {
    this.version += 1;
    const release = releaseId(this.version);
    const path = this.paths.slot("holdings", slot);
    this.platform.replace(path, content);
    const file = {
      ...fileOf(`holdings_${slot}.duckdb`, content),
      ...(change.recordBytes !== undefined && { bytes: change.recordBytes }),
    };
    const record = renderRecord({ ...this.#record(release, content), layout: "slots", files: [file] });
    this.platform.make(this.paths.own, "folder");
    this.platform.make(this.paths.records, "folder");
    this.platform.write(this.paths.record(release, "slots"), record);
    if (change.pin !== false) this.platform.write(this.paths.pin(release), "");
    const reference = change.recordPath ?? recordReference(release, "slots");
    this.#switchTo({ active: slot, layout: "slots", path: reference, record });
    return release;
  }

  /** Publishes into a folder of its own, as layout `releases` does. Returns the release id. */
  publishFolder(content: string): string {
    this.version += 1;
    const release = releaseId(this.version);
    const path = `releases/${release}/holdings.duckdb`;
    this.platform.write(`/store/${path}`, content);
    const record = renderRecord({ ...this.#record(release, content), layout: "releases", files: [fileOf(path, content)] });
    this.platform.write(this.paths.record(release, "releases"), record);
    this.platform.write(this.paths.pin(release), "");
    this.#switchTo({ active: release, layout: "releases", path: recordReference(release, "releases"), record });
    return release;
  }

  /** As prune does: data, record and pin go at once. */
  prune(release: string): void {
    this.platform.remove(this.paths.pin(release));
    this.platform.remove(this.paths.record(release, "releases"));
    this.platform.remove(`/store/releases/${release}/holdings.duckdb`);
  }

  /** Publishes as another program does: the slot file in place, the manifest in place, three fields at most. */
  publishForeign(slot: Slot, content: string, version: number): void {
    this.platform.write(this.paths.slot("holdings", slot), content);
    this.platform.write(this.paths.manifest, JSON.stringify({ active: slot, version }));
  }

  /** Opens a reader; the background poll is out of the way unless asked for. */
  open(options: Partial<ReaderOptions> = {}): Promise<Reader> {
    const ports = {
      platform: this.platform.port(),
      engine: this.engine,
      openSqlite: () => Promise.reject(new Error("a store in memory has no SQLite files")),
      defaultConcurrency: 4,
      warn: (message: string) => void this.warnings.push(message),
    };
    return this.clock.until(openReader({ dir: "/store", pollMs: 3_600_000, ...options }, ports));
  }

  /** What a query answers, advancing time as it waits. */
  async answer(reader: Reader): Promise<string> {
    const result = await this.clock.until(reader.query("content"));
    return `${result.rows[0]?.[0] as string} of ${result.release}`;
  }

  #record(release: string, content: string) {
    return {
      release,
      uid: createHash("md5").update(`${release}${content}`).digest("hex"),
      store: "holdings",
      basename: "holdings",
      createdAt: this.clock.now().toISOString(),
      builder: { kind: "function" as const, durationMs: 1 },
      storageVersion: "v1.5.0",
      tables: [],
      checks: [],
    };
  }

  #switchTo(to: { readonly active: string; readonly layout: LayoutKind; readonly path: string; readonly record: Buffer }): void {
    const manifest = renderManifest({
      active: to.active,
      version: this.version,
      lastUpdated: this.clock.now().toISOString(),
      store: "holdings",
      layout: to.layout,
      basename: "holdings",
      release: releaseId(this.version),
      commit: createHash("md5").update(String(this.version)).digest("hex"),
      record: { path: to.path, sha256: createHash("sha256").update(to.record).digest("hex") },
      reason: "publish",
    });
    this.platform.replace(this.paths.manifest, manifest);
  }
}

function fileOf(path: string, content: string) {
  return { path, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
}
