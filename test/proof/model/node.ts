import type { FileStat } from "../../../src/platform/port.ts";

/**
 * What lies on the modelled disk under one inode number. `content` is what processes see; `durable` is what a power cut leaves for certain, and
 * `between` what the content was in the meantime: any of these, or a torn form of one, may be on the disk after a power cut.
 */
export interface DiskNode {
  inode: bigint;
  readonly kind: FileStat["kind"];
  content: Buffer;
  durable: Buffer;
  between: Buffer[];
  /** Bytes before this offset were not written since the last fsync, so no power cut tears them. */
  cleanBytes: number;
  /** An fsync of it failed: the cache forgot what it had to write, and no later fsync brings that back. */
  lost: boolean;
  /** Folders only: names as processes see them, and as a power cut leaves them for certain. */
  readonly entries: Map<string, DiskNode>;
  readonly durableEntries: Map<string, DiskNode>;
  mode: number;
  owner: number;
  group: number;
  modifiedNs: bigint;
  changedNs: bigint;
  /** Names and open descriptors that keep the inode number taken. */
  links: number;
  opens: number;
}

/** A node of a kind, empty and durable. */
export function newNode(kind: DiskNode["kind"], inode: bigint, nowNs: bigint): DiskNode {
  return {
    inode,
    kind,
    content: Buffer.alloc(0),
    durable: Buffer.alloc(0),
    between: [],
    cleanBytes: 0,
    lost: false,
    entries: new Map(),
    durableEntries: new Map(),
    mode: kind === "folder" ? 0o755 : 0o644,
    owner: 1000,
    group: 1000,
    modifiedNs: nowNs,
    changedNs: nowNs,
    links: 0,
    opens: 0,
  };
}

/** Whether a power cut may leave something else than what processes see. */
export function isDirty(node: DiskNode): boolean {
  return node.between.length > 0 || !node.content.equals(node.durable);
}

/** What a power cut may leave of a file: what is durable, what is in the cache, any content between, and torn forms. Each once. */
export function contentsAfterCut(node: DiskNode): Buffer[] {
  if (!isDirty(node)) return [node.content];
  const { content, durable, cleanBytes } = node;
  const clean = content.subarray(0, cleanBytes);
  const written = content.subarray(cleanBytes);
  const half = Math.floor(written.length / 2);
  const [head, tail] = [written.subarray(0, half), written.subarray(half)];
  // From the line feed before the last line on: the last line is whole, and what comes before it never reached the disk.
  const lastLine = written.length < 2 ? 0 : Math.max(written.lastIndexOf(0x0a, -2), 0);
  const torn = [
    [head],
    [Buffer.alloc(written.length)],
    [head, Buffer.alloc(tail.length)],
    [Buffer.alloc(head.length), tail],
    [Buffer.alloc(lastLine), written.subarray(lastLine)],
    [head, durable.subarray(cleanBytes + half)],
    [Buffer.concat([durable.subarray(cleanBytes)], half), tail],
  ].map((parts) => Buffer.concat([clean, ...parts]));
  const all = [durable, content, ...node.between, ...torn];
  return all.filter((candidate, index) => all.findIndex((other) => other.equals(candidate)) === index);
}

/** As `lstat` tells it. */
export function statOf(node: DiskNode): FileStat {
  return {
    kind: node.kind,
    device: 1n,
    inode: node.inode,
    bytes: node.content.length,
    mode: node.mode,
    owner: node.owner,
    group: node.group,
    links: node.links,
    modifiedNs: node.modifiedNs,
    changedNs: node.changedNs,
  };
}
