import { parseHistory } from "../../../src/model/history.ts";
import { dataFileReference, storePaths } from "../../../src/model/layout.ts";
import { parseManifest, releaseOf, sha256Hex } from "../../../src/model/manifest.ts";
import { parseRecord } from "../../../src/model/release-record.ts";
import type { ModelDisk } from "../model/disk.ts";
import { wholeTag } from "../model/engine.ts";
import { perContent } from "../model/per-content.ts";
import { auditKept } from "./kept.ts";
import { Damage, storeFolder } from "./place.ts";

const paths = storePaths(storeFolder);

const manifestIn = perContent((content) => parseManifest(content, paths.manifest));
const historyIn = perContent(parseHistory);
const digestOf = perContent(sha256Hex);
const filesIn = perContent((record) => parseRecord(record, "a release record").files);
const nothing = Buffer.alloc(0);

/** What a store's disk says is active. */
export interface ActiveRelease {
  readonly release: string;
  readonly version: number;
  /** Of the build that wrote the data. */
  readonly tag: string;
  /** Whether the manifest is ours. */
  readonly own: boolean;
  /** Releases that bear an operator's pin. */
  readonly pinned: readonly string[];
}

/**
 * The active release of a store, after looking at all that a crash could have torn: the manifest is whole, its record has the sha256 it names, the data has
 * the record's, and every page is of one build. `undefined` where there is no manifest. Throws `Damage`.
 */
export function auditStore(disk: ModelDisk): ActiveRelease | undefined {
  const pinned = auditKept(disk);
  const node = disk.find(paths.manifest);
  if (!node) return undefined;
  const manifest = manifestIn(node.content);
  const reference = dataFileReference("DB", manifest.active);
  const data = disk.find(`${storeFolder}/${reference}`)?.content ?? nothing;
  const tag = wholeTag(data);
  if (tag === undefined) throw new Damage(`version ${manifest.version} is active, and ${reference} is torn or missing`);
  const { own } = manifest;
  if (own) {
    const record = disk.find(`${storeFolder}/${own.record.path}`)?.content ?? nothing;
    if (digestOf(record) !== own.record.sha256)
      throw new Damage(`the record of ${own.release} is not the one that the manifest names`);
    const [file, ...others] = filesIn(record);
    for (const { path, sha256 } of others) {
      const content = disk.find(`${storeFolder}/${path}`)?.content ?? nothing;
      if (digestOf(content) !== sha256) throw new Damage(`${own.release} is active, and ${path} is torn or missing`);
    }
    if (file?.path !== reference) throw new Damage(`the record of ${own.release} is of ${file?.path}`);
    if (file.sha256 !== digestOf(data)) throw new Damage(`${own.release} is active, and ${reference} holds the build "${tag}"`);
    const pin = disk.find(paths.pin(own.release));
    if (pin === undefined) throw new Damage(`${own.release} is active without a pin file`);
  }
  return { release: releaseOf(manifest), version: manifest.version, tag, own: own !== undefined, pinned };
}

/** Looks at what a finished operation leaves: nothing half done beside the release, and no build but those that are open. Throws `Damage`. */
export function auditTidiness(disk: ModelDisk, open: readonly string[] = []): void {
  for (const folder of [paths.builds, paths.trash]) {
    const left = [...(disk.find(folder)?.entries.keys() ?? [])].filter((name) => !open.includes(name));
    if (left.length > 0) throw new Damage(`${folder} still has ${left.join(", ")}`);
  }
  for (const folder of [paths.folder, paths.records, paths.pins]) {
    const left = [...(disk.find(folder)?.entries.keys() ?? [])].filter((name) => name.endsWith(".tmp"));
    if (left.length > 0) throw new Damage(`${folder} still has ${left.join(", ")}`);
  }
}

/** Looks at the history: whole lines, ids one after the other, versions that rise, and the active one among them. Throws `Damage`. */
export function auditHistory(disk: ModelDisk, active: ActiveRelease): void {
  const content = disk.find(paths.history)?.content ?? nothing;
  const { events, wholeBytes } = historyIn(content);
  const lines = content.subarray(0, wholeBytes).toString().split("\n").length - 1;
  if (wholeBytes < content.length || lines !== events.length) throw new Damage("the history has a torn line");
  auditLines(disk);
  const versions = events.flatMap(({ type, version }) => (type === "release.switched" && version !== undefined ? [version] : []));
  if (versions.some((version, index) => version <= (versions[index - 1] ?? 0)))
    throw new Damage(`history versions ${versions.join(", ")}`);
  if (versions.at(-1) !== active.version)
    throw new Damage(`the history ends with ${versions.at(-1)}; ${active.version} is active`);
}

/** Looks at the lines of a history, whatever its end is like: ids one after the other, so that none is lost before another. Throws `Damage`. */
export function auditLines(disk: ModelDisk): void {
  const { events } = historyIn(disk.find(paths.history)?.content ?? nothing);
  for (const [index, { id }] of events.entries())
    if (id !== index + 1) throw new Damage(`history line ${index + 1} has id ${id}`);
}
