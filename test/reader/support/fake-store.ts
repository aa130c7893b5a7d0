import { createHash } from "node:crypto";
import { recordReference, storePaths, type Slot } from "../../../src/model/layout.ts";
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
    const record = renderRecord({
      release,
      uid: createHash("md5").update(`${release}${content}`).digest("hex"),
      store: "holdings",
      layout: "slots",
      basename: "holdings",
      createdAt: this.clock.now().toISOString(),
      builder: { kind: "function", durationMs: 1 },
      storageVersion: "v1.5.0",
      files: [{ path: `holdings_${slot}.duckdb`, bytes: change.recordBytes ?? content.length, sha256: "0".repeat(64) }],
      tables: [],
      checks: [],
    });
    this.platform.make(this.paths.own, "folder");
    this.platform.make(this.paths.records, "folder");
    this.platform.write(this.paths.record(release), record);
    if (change.pin !== false) this.platform.write(this.paths.pin(release), "");
    const manifest = renderManifest({
      active: slot,
      version: this.version,
      lastUpdated: this.clock.now().toISOString(),
      store: "holdings",
      layout: "slots",
      basename: "holdings",
      release,
      commit: createHash("md5").update(String(this.version)).digest("hex"),
      record: { path: change.recordPath ?? recordReference(release), sha256: createHash("sha256").update(record).digest("hex") },
      reason: "publish",
    });
    this.platform.replace(this.paths.manifest, manifest);
    return release;
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
}
