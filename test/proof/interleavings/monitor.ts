import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { auditStore, Damage, storeFolder } from "../crashes/audit.ts";
import type { ModelDisk } from "../model/disk.ts";
import { holdersOf } from "../model/locks.ts";
import type { Machine, ModelProcess, Step } from "../model/machine.ts";
import type { DiskNode } from "../model/node.ts";
import type { Watch } from "./scheduler.ts";

const paths = storePaths(storeFolder);

/** A release that was active for a while. */
export interface Reign {
  readonly release: string;
  readonly version: number;
  /** Of the build whose data it has. */
  readonly tag: string;
}

/** What a request was answered with, and when it was asked. */
export interface Answer {
  readonly reader: string;
  /** What `now` said when it was asked. */
  readonly asked: number;
  readonly release: string;
  readonly version: number;
  readonly tag: string;
  /** Whether the release must be the one that was active when it was asked, or a later one. */
  readonly fresh: boolean;
}

/** What may be expected of a store's writers. */
export interface MonitorOptions {
  /** Processes that are not ours: they may write without locks. */
  readonly foreigners?: ReadonlySet<ModelProcess>;
  /** Whether versions rise with every switch. Default true. */
  readonly rising?: boolean;
}

/**
 * Knows at each step of every process what must hold: who is inside the writer lock, that what is active is whole, that nothing pinned goes away, and what
 * each release holds, by which it judges answers. Throws `Damage`.
 */
export class Monitor implements Watch {
  readonly #machine: Machine;
  readonly #foreigners: ReadonlySet<ModelProcess>;
  readonly #rising: boolean;
  readonly #reigns: Reign[] = [];
  readonly #served = new Map<string, number>();
  #seen: readonly unknown[] = [];
  #manifest: readonly unknown[] = [];

  constructor(machine: Machine, { foreigners = new Set(), rising = true }: MonitorOptions = {}) {
    this.#machine = machine;
    this.#foreigners = foreigners;
    this.#rising = rising;
    this.look();
  }

  /** How many switches there were. */
  get now(): number {
    return this.#reigns.length - 1;
  }

  /** Every release that was active, in its order. */
  get reigns(): readonly Reign[] {
    return this.#reigns;
  }

  before(step: Step): void {
    if (this.#foreigners.has(step.process)) return;
    assertLockFileStays(step);
    assertLocked(this.#machine.disk, step);
    assertUnpinned(this.#machine.disk, step);
    assertOwnBuild(this.#machine.disk, step);
  }

  look(): void {
    const { disk } = this.#machine;
    const manifest = disk.find(paths.manifest);
    const active = this.#reigns.at(-1)?.release ?? "";
    const slots = [disk.find(paths.slot("DB", "a"))?.content, disk.find(paths.slot("DB", "b"))?.content];
    const seen = [manifest, manifest?.content, ...slots, disk.find(paths.record(active))?.content, disk.find(paths.pin(active))];
    if (isSame(seen, this.#seen)) return;
    this.#seen = seen;
    const reign = reignOf(disk, manifest);
    if (isSame(this.#manifest, [manifest, manifest?.content])) return;
    this.#manifest = [manifest, manifest?.content];
    if (reign === undefined) return;
    const before = this.#reigns.at(-1);
    if (this.#rising && before && reign.version <= before.version)
      throw new Damage(`version ${reign.version} follows ${before.version}`);
    this.#reigns.push(reign);
  }

  /** Judges an answer. */
  answered(answer: Answer): void {
    const { reader, asked, release, version, tag, fresh } = answer;
    const earliest = fresh ? asked : 0;
    const is = (reign: Reign): boolean => reign.release === release && reign.version === version && reign.tag === tag;
    const told = this.#reigns.map((reign) => `${reign.release} version ${reign.version} with "${reign.tag}"`);
    if (!this.#reigns.slice(earliest).some(is)) {
      throw new Damage(
        `${reader} asked when ${told[asked]} was active, and was served "${tag}" as ${release}, version ${version}; active were ${told.join(", ")}`,
      );
    }
    if (!this.#rising) return;
    const highest = this.#served.get(reader) ?? 0;
    if (version < highest) throw new Damage(`${reader} was served version ${version} after ${highest}`);
    this.#served.set(reader, version);
  }

  /** A reader says that what it serves is pinned: then the pin file at the path bears its process's lock. */
  assertPinned(process: ModelProcess, release: string): void {
    const pin = this.#machine.disk.find(paths.pin(release));
    if (!pin || !holds(process, pin, "shared"))
      throw new Damage(`${process.name} serves ${release} as pinned, and its pin is not locked`);
  }
}

/** What a manifest that is whole makes active. One of ours is audited to the last byte of its data. */
function reignOf(disk: ModelDisk, node: DiskNode | undefined): Reign | undefined {
  try {
    const active = node && auditStore(disk);
    return active && { release: active.release, version: active.version, tag: active.tag };
  } catch (error) {
    // Another program writes in place.
    if (isLockkeeperError(error, "MANIFEST_INVALID")) return undefined;
    throw error;
  }
}

/** A lock on a file that was removed keeps nobody out. */
function assertLockFileStays({ process, operation, path }: Step): void {
  const isLock = path === paths.writerLock || path === paths.buildLock;
  if (isLock && (operation === "removeFile" || operation === "rename"))
    throw new Damage(`${process.name} does ${operation} ${path}`);
}

/** What only the holder of the writer lock may change. */
function isGuarded({ operation, path }: Step): boolean {
  if (operation === "rename") {
    const isFinal = path === paths.manifest || path.startsWith(`${paths.records}/`) || path.startsWith(`${paths.trash}/`);
    return isFinal || /_[ab]\.duckdb$/.test(path.slice(paths.folder.length));
  }
  if (operation === "removeFile") return path.startsWith(`${paths.pins}/`) || path === paths.manifest;
  if (operation === "write" || operation === "truncate") return path === paths.history || path === paths.manifest;
  return false;
}

function assertLocked(disk: ModelDisk, step: Step): void {
  const lock = disk.find(paths.writerLock);
  if (isGuarded(step) && !(lock && holds(step.process, lock, "exclusive")))
    throw new Damage(`${step.process.name} does ${step.operation} ${step.path} without holding the writer lock`);
  const isBuild = step.path.startsWith(`${paths.builds}/`) && step.operation === "makeFolder";
  const buildLock = disk.find(paths.buildLock);
  if (isBuild && !(buildLock && holds(step.process, buildLock, "exclusive")))
    throw new Damage(`${step.process.name} begins a build without holding the build lock`);
}

function assertUnpinned(disk: ModelDisk, { process, operation, path }: Step): void {
  if (operation !== "removeFile" || !path.endsWith(".pin")) return;
  const pin = disk.find(path);
  if (pin && [...holdersOf(pin).values()].includes("shared"))
    throw new Damage(`${process.name} removes ${path}, which a reader has locked`);
}

/** A live build is nobody else's to sweep. */
function assertOwnBuild(disk: ModelDisk, { process, operation, path }: Step): void {
  if (operation !== "removeFile" && operation !== "removeFolder") return;
  const [id] = path.startsWith(`${paths.builds}/`) ? path.slice(paths.builds.length + 1).split("/") : [];
  const lock = id === undefined ? undefined : disk.find(`${paths.build(id)}/lock`);
  if (lock && holdersOf(lock).size > 0 && !holds(process, lock, "exclusive"))
    throw new Damage(`${process.name} removes ${path} of a build that lives`);
}

function holds(process: ModelProcess, node: DiskNode, mode: "shared" | "exclusive"): boolean {
  return [...holdersOf(node)].some(([file, held]) => held === mode && process.open.has(file));
}

function isSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
