import { parseHistory } from "../../../src/model/history.ts";
import { recordReference, storePaths, type LayoutKind } from "../../../src/model/layout.ts";
import { parseManifest, sha256Hex } from "../../../src/model/manifest.ts";
import { parseReleaseMark } from "../../../src/model/release-mark.ts";
import { parseRecord } from "../../../src/model/release-record.ts";
import type { ModelDisk } from "../model/disk.ts";
import { wholeTag } from "../model/engine.ts";
import { perContent } from "../model/per-content.ts";
import { Damage, keepLeast, storeFolder } from "./place.ts";

const paths = storePaths(storeFolder);

const ownManifestIn = perContent((content) => parseManifest(content, paths.manifest).own);
const historyIn = perContent((content) => parseHistory(content).events);
const recordIn = perContent((content) => parseRecord(content, "a release record"));
const digestOf = perContent(sha256Hex);
const nothing = Buffer.alloc(0);

/**
 * Looks at what a store of layout `releases` keeps, on any disk that a crash may leave: the newest, the active one, the one before it and what bears an operator's pin
 * are there, and each folder of a release that was ever active is whole by its record. Returns the releases with an operator's pin. Throws `Damage`.
 */
export function auditKept(disk: ModelDisk): readonly string[] {
  const folders = namesIn(disk, paths.releases);
  if (folders.length === 0) return [];
  const { served, wanted, pinned } = keptBy(disk);
  for (const release of new Set([...wanted, ...folders.filter((folder) => served.has(folder))])) assertWhole(disk, release);
  return pinned;
}

/** Looks at what a publish or a prune leaves that nobody disturbs: nothing beyond what has to stay, and pins of nothing else. Throws `Damage`. */
export function auditRetained(disk: ModelDisk): void {
  const folders = namesIn(disk, paths.releases);
  if (folders.length === 0) return;
  const { wanted } = keptBy(disk);
  const idsIn = (folder: string): string[] => namesIn(disk, folder).map((name) => name.replace(/\.(json|pin)$/, ""));
  const slots = namesIn(disk, paths.folder).filter((name) => /_[ab]\.duckdb$/.test(name));
  const inSlots = [...wanted].flatMap((release) => fileOf(disk, release) ?? []).filter((path) => slots.includes(path));
  const left = [...folders, ...idsIn(paths.records), ...idsIn(paths.pins)].filter((release) => !wanted.has(release));
  if (left.length > 0) throw new Damage(`${[...wanted].join(", ")} are to stay, and something is left of ${left.join(", ")}`);
  if (inSlots.length < slots.length) throw new Damage(`${slots.join(", ")} are left, of which ${inSlots.join(", ")} are to stay`);
}

/** Releases that lie there whole, were active once, and have no pin: a power cut may leave one whose pruning had begun. */
export function unpinnedReleases(disk: ModelDisk): readonly string[] {
  const { served } = keptBy(disk);
  const pins = namesIn(disk, paths.pins);
  return namesIn(disk, paths.releases).filter((release) => served.has(release) && !pins.includes(`${release}.pin`));
}

interface Kept {
  /** Every release that was ever active. */
  readonly served: ReadonlySet<string>;
  /** Those that have to stay. */
  readonly wanted: ReadonlySet<string>;
  /** Those with an operator's pin. */
  readonly pinned: readonly string[];
}

function keptBy(disk: ModelDisk): Kept {
  const node = disk.find(paths.manifest);
  const own = node && ownManifestIn(node.content);
  const events = historyIn(disk.find(paths.history)?.content ?? nothing);
  const told = events.flatMap(({ type, release }) => (type === "release.switched" && release !== undefined ? [release] : []));
  const served = new Set(own ? [...told, own.release] : told);
  const newest = [...served].toSorted().slice(-keepLeast);
  const pinned = namesIn(disk, paths.pins).flatMap((name) => (name.endsWith(".json") ? [markedIn(disk, name)] : []));
  const active = own ? [own.release, ...(own.previous ? [own.previous.release] : [])] : [];
  return { served, wanted: new Set([...newest, ...active, ...pinned].toSorted()), pinned };
}

function markedIn(disk: ModelDisk, name: string): string {
  const text = disk.find(`${paths.pins}/${name}`)?.content.toString() ?? "";
  if (parseReleaseMark(text) === undefined) throw new Damage(`the operator's pin ${name} is torn`);
  return name.slice(0, -".json".length);
}

function assertWhole(disk: ModelDisk, release: string): void {
  const file = fileOf(disk, release);
  if (file === undefined) throw new Damage(`${release} is kept without a record`);
  const data = disk.find(`${storeFolder}/${file}`)?.content;
  if (data === undefined || wholeTag(data) === undefined) throw new Damage(`${release} is kept, and ${file} is torn or missing`);
  for (const { path, sha256 } of recordOf(disk, release)?.files ?? []) {
    const content = disk.find(`${storeFolder}/${path}`)?.content;
    if (content === undefined) throw new Damage(`${release} is kept, and ${path} is torn or missing`);
    if (digestOf(content) !== sha256) throw new Damage(`${release} is kept, and ${path} holds another build`);
  }
}

function fileOf(disk: ModelDisk, release: string): string | undefined {
  return recordOf(disk, release)?.files[0]?.path;
}

function recordOf(disk: ModelDisk, release: string) {
  for (const layout of ["releases", "slots"] satisfies LayoutKind[]) {
    const path = recordReference(release, layout);
    const node = disk.find(`${storeFolder}/${path}`);
    if (node) return recordIn(node.content);
  }
  return undefined;
}

function namesIn(disk: ModelDisk, folder: string): string[] {
  return [...(disk.find(folder)?.entries.keys() ?? [])];
}
