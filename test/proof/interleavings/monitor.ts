import { basename, dirname } from "node:path";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { auditStore } from "../crashes/audit.ts";
import { Damage, storeFolder } from "../crashes/place.ts";
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
  /** Processes that may begin detached builds, for which no lock is taken. */
  readonly beginners?: ReadonlySet<ModelProcess>;
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
  readonly #beginners: ReadonlySet<ModelProcess>;
  readonly #rising: boolean;
  readonly #reigns: Reign[] = [];
  readonly #served = new Map<string, number>();
  #seen: readonly unknown[] = [];
  #manifest: readonly unknown[] = [];

  constructor(machine: Machine, { foreigners = new Set(), beginners = new Set(), rising = true }: MonitorOptions = {}) {
    this.#machine = machine;
    this.#foreigners = foreigners;
    this.#beginners = beginners;
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
    if (!this.#beginners.has(step.process)) assertBuildLocked(this.#machine.disk, step);
    assertUnpinned(this.#machine.disk, step);
    assertOwnBuild(this.#machine.disk, step);
  }

  look(): void {
    const { disk } = this.#machine;
    const manifest = disk.find(paths.manifest);
    const active = this.#reigns.at(-1)?.release ?? "";
    const contents = [
      paths.slot("DB", "a"),
      paths.slot("DB", "b"),
      `${paths.release(active)}/DB.duckdb`,
      paths.record(active, "slots"),
      paths.record(active, "releases"),
    ].map((path) => disk.find(path)?.content);
    const entries = [paths.releases, paths.pins].flatMap((folder) => [...(disk.find(folder)?.entries.values() ?? [])]);
    const seen = [manifest, manifest?.content, ...contents, ...entries];
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

/** What only the holder of the writer lock may change. A build folder goes to the trash under its own lock. */
function isGuarded(disk: ModelDisk, { operation, path }: Step): boolean {
  if (operation === "rename") {
    const build = movedBuild(path);
    const isTrash = path.startsWith(`${paths.trash}/`) && !(build !== undefined && disk.has(paths.build(build)));
    const isFinal = path === paths.manifest || path.startsWith(`${paths.records}/`) || isTrash;
    const isPrivate = path.startsWith(`${paths.builds}/`) || path.startsWith(`${paths.quarantine}/`);
    return isFinal || (!isPrivate && /\.(duckdb|json)$/.test(path));
  }
  if (operation === "removeFile") return path.startsWith(`${paths.pins}/`) || path === paths.manifest;
  if (operation === "write" || operation === "truncate") return path === paths.history || path === paths.manifest;
  return false;
}

function assertLocked(disk: ModelDisk, step: Step): void {
  const lock = disk.find(paths.writerLock);
  if (isGuarded(disk, step) && !(lock && holds(step.process, lock, "exclusive")))
    throw new Damage(`${step.process.name} does ${step.operation} ${step.path} without holding the writer lock`);
}

function assertBuildLocked(disk: ModelDisk, step: Step): void {
  const isBuild = step.path.startsWith(`${paths.builds}/`) && step.operation === "makeFolder";
  const buildLock = disk.find(paths.buildLock);
  if (isBuild && !(buildLock && holds(step.process, buildLock, "exclusive")))
    throw new Damage(`${step.process.name} begins a build without holding the build lock`);
}

/** Neither the pin nor the folder of a release goes while a reader has the pin, or could take it. */
function assertUnpinned(disk: ModelDisk, { process, operation, path }: Step): void {
  const pin = operation === "removeFile" && path.endsWith(".pin") ? path : pinOfTrash(path);
  if (pin === undefined || (operation !== "rename" && operation !== "removeFile")) return;
  const node = disk.find(pin);
  if (node && !holds(process, node, "exclusive"))
    throw new Damage(`${process.name} does ${operation} ${path}, whose pin it does not hold`);
}

/** Where the pin lies of a release whose folder moves to a path in the trash. */
function pinOfTrash(path: string): string | undefined {
  const [, release] = (path.startsWith(`${paths.trash}/`) && /-(r\d+)$/.exec(path)) || [];
  return release === undefined ? undefined : paths.pin(release);
}

/** A build is removed, and moved to the trash or into quarantine, by whoever holds its lock. */
function assertOwnBuild(disk: ModelDisk, { process, operation, path }: Step): void {
  const id = operation === "rename" ? movedBuild(path) : removedBuild({ operation, path });
  const lock = id === undefined ? undefined : disk.find(`${paths.build(id)}/lock`);
  if (lock && !holds(process, lock, "exclusive"))
    throw new Damage(`${process.name} does ${operation} ${path} of a build whose lock it does not hold`);
}

function removedBuild({ operation, path }: Pick<Step, "operation" | "path">): string | undefined {
  const isRemoved = operation === "removeFile" || operation === "removeFolder";
  return isRemoved && path.startsWith(`${paths.builds}/`) ? path.slice(paths.builds.length + 1).split("/")[0] : undefined;
}

/** The build whose whole folder moves to a path in the trash or in quarantine. */
function movedBuild(path: string): string | undefined {
  return [paths.trash, paths.quarantine].includes(dirname(path)) ? /(?:^|-)([0-9a-f]{12})$/.exec(basename(path))?.[1] : undefined;
}

function holds(process: ModelProcess, node: DiskNode, mode: "shared" | "exclusive"): boolean {
  return [...holdersOf(node)].some(([file, held]) => held === mode && process.open.has(file));
}

function isSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
