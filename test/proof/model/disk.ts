import { basename, dirname } from "node:path";
import { isDirty, newNode, type DiskNode } from "./node.ts";

/** A name in a folder that came to mean something else. */
interface Effect {
  readonly folder: DiskNode;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

/** A change of folder entries that is not durable yet. A rename is one change: a power cut never leaves the file at neither name. */
export interface PendingChange {
  /** Of a rename: the name that went; may reach the disk after `target` did. */
  removal: Effect | undefined;
  target: Effect | undefined;
}

/**
 * Which of the pending changes reached the disk: none of it, all of it, or of a rename between two folders the new name only, while the old one
 * is still there.
 */
export type Reached = "nothing" | "target" | "all";

/**
 * A file system in memory that keeps what is durable apart from what processes see. fsync of a file makes its content durable, fsync of a folder its
 * entries; nothing else does. Inode numbers are used again as soon as they are free, and its clock is as coarse as a kernel's.
 */
export class ModelDisk {
  readonly root: DiskNode;
  #pending: PendingChange[] = [];
  readonly #numbers = new Set<bigint>();
  /** Every number below it is taken. */
  #lowestFree = 2n;
  nowNs = 1_700_000_000_000_000_000n;
  /** Rises with every change of what processes see or of what is durable. */
  revision = 0;

  constructor() {
    this.root = newNode("folder", this.#takeNumber(), this.nowNs);
    this.root.links = 1;
  }

  /** Changes of folder entries that a power cut may or may not leave. */
  get pending(): readonly PendingChange[] {
    return this.#pending;
  }

  /** What lies at a path; links are not followed. */
  find(path: string): DiskNode | undefined {
    let found: DiskNode | undefined = this.root;
    for (const name of namesOf(path)) found = found?.entries.get(name);
    return found;
  }

  /** Whether anything lies at a path. */
  has(path: string): boolean {
    const node = this.find(path);
    return node !== undefined;
  }

  /** Throws what the system would: `ENOENT`. */
  mustFind(path: string): DiskNode {
    const node = this.find(path);
    if (node) return node;
    throw systemError("ENOENT", path);
  }

  /** A new file, folder or link under a free name. */
  make(path: string, kind: DiskNode["kind"]): DiskNode {
    const folder = this.#parentOf(path);
    if (folder.entries.has(basename(path))) throw systemError("EEXIST", path);
    const node = newNode(kind, this.#takeNumber(), this.nowNs);
    this.#change({ removal: undefined, target: { folder, name: basename(path), node } });
    return node;
  }

  /** A new node that no name leads to yet, with durable content. For `place`. */
  makeDurable({ kind, mode }: DiskNode, content: Buffer): DiskNode {
    return Object.assign(newNode(kind, this.#takeNumber(), this.nowNs), { mode, content, durable: content });
  }

  /** Gives a node a name, durable at once: of a disk that is found so. */
  place(folder: DiskNode, name: string, node: DiskNode): void {
    node.links += 1;
    folder.entries.set(name, node);
    folder.durableEntries.set(name, node);
  }

  remove(path: string): void {
    const node = this.mustFind(path);
    if (node.entries.size > 0) throw systemError("ENOTEMPTY", path);
    this.#change({ removal: { folder: this.#parentOf(path), name: basename(path), node: undefined }, target: undefined });
  }

  rename(source: string, target: string): void {
    const node = this.mustFind(source);
    const from = this.#parentOf(source);
    const to = this.#parentOf(target);
    const replaced = to.entries.get(basename(target));
    if (replaced === node) return;
    if (replaced !== undefined && (replaced.kind === "folder") !== (node.kind === "folder")) {
      throw systemError(replaced.kind === "folder" ? "EISDIR" : "ENOTDIR", target);
    }
    if (replaced !== undefined && replaced.entries.size > 0) throw systemError("ENOTEMPTY", target);
    node.changedNs = this.nowNs;
    this.#change({
      removal: { folder: from, name: basename(source), node: undefined },
      target: { folder: to, name: basename(target), node },
    });
  }

  /** Another name for a file. */
  link(source: string, target: string): void {
    const node = this.mustFind(source);
    const folder = this.#parentOf(target);
    if (folder.entries.has(basename(target))) throw systemError("EEXIST", target);
    node.changedNs = this.nowNs;
    this.#change({ removal: undefined, target: { folder, name: basename(target), node } });
  }

  /** Replaces a file's content in the cache; the first `cleanBytes` bytes are as they were. */
  setContent(node: DiskNode, content: Buffer, cleanBytes = 0): void {
    node.cleanBytes = Math.min(isDirty(node) ? node.cleanBytes : node.durable.length, cleanBytes);
    this.revision += 1;
    node.between.push(node.content);
    node.content = content;
    node.modifiedNs = this.nowNs;
    node.changedNs = this.nowNs;
  }

  /** fsync of a file. */
  syncFile(node: DiskNode): void {
    if (node.lost) return;
    this.revision += 1;
    node.durable = node.content;
    node.between = [];
  }

  /** fsync of a folder's entries. A file's rename is committed whole where its old name is; where its new name is, the old one may still be there after a cut. */
  syncFolder(folder: DiskNode): void {
    this.revision += 1;
    for (const [index, change] of this.#pending.entries()) {
      const isTarget = change.target?.folder === folder;
      if (change.removal?.folder === folder || (isTarget && !mayBeHalf(change))) {
        if (change.target) this.#commit(change.target, index);
        if (change.removal) this.#commit(change.removal, index);
        change.target = undefined;
        change.removal = undefined;
      } else if (isTarget && change.target) {
        this.#commit(change.target, index);
        change.target = undefined;
      }
    }
    this.#pending = this.#pending.filter(({ removal, target }) => removal !== undefined || target !== undefined);
  }

  /** Everything durable: after a boot. */
  syncAll(): void {
    for (const folder of this.#folders(this.root)) {
      folder.durableEntries.clear();
      for (const [name, node] of folder.entries) {
        folder.durableEntries.set(name, node);
        node.lost = false;
        this.syncFile(node);
      }
    }
    this.#pending = [];
  }

  /** A descriptor was opened or closed. */
  count(node: DiskNode, opens: 1 | -1): void {
    node.opens += opens;
    this.#giveBackNumber(node);
  }

  /** The names of a folder after a power cut, for what reached the disk of each pending change. */
  entriesAfterCut(reached: readonly Reached[]): (folder: DiskNode) => ReadonlyMap<string, DiskNode> {
    const changed = new Map<DiskNode, Map<string, DiskNode>>();
    const apply = (effect: Effect | undefined): void => {
      if (!effect) return;
      const entries = changed.get(effect.folder) ?? new Map(effect.folder.durableEntries);
      changed.set(effect.folder, entries);
      if (effect.node) entries.set(effect.name, effect.node);
      else entries.delete(effect.name);
    };
    for (const [index, change] of this.#pending.entries()) {
      const what = reached[index] ?? "nothing";
      if (what === "all") apply(change.removal);
      if (what !== "nothing") apply(change.target);
    }
    return (folder) => changed.get(folder) ?? folder.durableEntries;
  }

  /** A copy with the same durable and pending state, for another future. Nothing is open in it. */
  clone(): ModelDisk {
    const copy = new ModelDisk();
    const nodes = new Map<DiskNode, DiskNode>([[this.root, copy.root]]);
    const of = (node: DiskNode): DiskNode => {
      const known = nodes.get(node);
      if (known) return known;
      const twin: DiskNode = { ...node, between: [...node.between], entries: new Map(), durableEntries: new Map(), opens: 0 };
      nodes.set(node, twin);
      copyEntries(node, twin);
      return twin;
    };
    const copyEntries = (node: DiskNode, twin: DiskNode): void => {
      for (const [name, child] of node.entries) twin.entries.set(name, of(child));
      for (const [name, child] of node.durableEntries) twin.durableEntries.set(name, of(child));
    };
    copyEntries(this.root, copy.root);
    const effect = (one: Effect | undefined) => one && { ...one, folder: of(one.folder), node: one.node && of(one.node) };
    copy.#pending = this.#pending.map(({ removal, target }) => ({ removal: effect(removal), target: effect(target) }));
    for (const node of nodes.values()) copy.#numbers.add(node.inode);
    copy.nowNs = this.nowNs;
    return copy;
  }

  #change(change: PendingChange): void {
    this.revision += 1;
    const replaced: DiskNode[] = [];
    for (const effect of [change.removal, change.target]) {
      if (!effect) continue;
      const old = effect.folder.entries.get(effect.name);
      if (effect.node) effect.node.links += 1;
      if (effect.node) effect.folder.entries.set(effect.name, effect.node);
      else effect.folder.entries.delete(effect.name);
      effect.folder.modifiedNs = this.nowNs;
      effect.folder.changedNs = this.nowNs;
      if (old) replaced.push(old);
    }
    this.#pending.push(change);
    for (const node of replaced) {
      node.links -= 1;
      this.#giveBackNumber(node);
    }
  }

  #commit(effect: Effect, index: number): void {
    if (effect.node) effect.folder.durableEntries.set(effect.name, effect.node);
    else effect.folder.durableEntries.delete(effect.name);
    // What was to happen to this name before can no longer undo it.
    for (const earlier of this.#pending.slice(0, index)) {
      if (sameName(earlier.removal, effect)) earlier.removal = undefined;
      if (sameName(earlier.target, effect)) earlier.target = undefined;
    }
  }

  #parentOf(path: string): DiskNode {
    const folder = this.mustFind(dirname(path));
    if (folder.kind !== "folder") throw systemError("ENOTDIR", path);
    return folder;
  }

  #takeNumber(): bigint {
    let number = this.#lowestFree;
    while (this.#numbers.has(number)) number += 1n;
    this.#numbers.add(number);
    this.#lowestFree = number + 1n;
    return number;
  }

  #giveBackNumber(node: DiskNode): void {
    if (node.links > 0 || node.opens !== 0) return;
    this.#numbers.delete(node.inode);
    if (node.inode < this.#lowestFree) this.#lowestFree = node.inode;
  }

  *#folders(folder: DiskNode): Iterable<DiskNode> {
    yield folder;
    for (const node of folder.entries.values()) if (node.kind === "folder") yield* this.#folders(node);
  }
}

const names = new Map<string, readonly string[]>();

/** Of the same few paths, again and again: explorers ask millions of times. */
function namesOf(path: string): readonly string[] {
  const known = names.get(path);
  if (known) return known;
  const found = path.split("/").filter(Boolean);
  if (names.size < 100_000) names.set(path, found);
  return found;
}

/** Whether a power cut may leave both names of a rename: a file's, from one folder to another. A folder has one parent, which no file system lets a crash change. */
export function mayBeHalf({ removal, target }: PendingChange): boolean {
  return removal !== undefined && target !== undefined && removal.folder !== target.folder && target.node?.kind !== "folder";
}

function sameName(left: Effect | undefined, right: Effect): boolean {
  return left?.folder === right.folder && left.name === right.name;
}

/** An error as Node throws it. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}
