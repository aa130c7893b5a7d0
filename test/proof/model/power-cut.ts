import { createHash } from "node:crypto";
import { mayBeHalf, ModelDisk, type Reached } from "./disk.ts";
import { contentsAfterCut, type DiskNode } from "./node.ts";

/** What a power cut may leave: for each pending change what of it reached the disk, and the content of each file that was not fsynced. */
export interface PowerCut {
  readonly reached: readonly Reached[];
  readonly contents: ReadonlyMap<DiskNode, Buffer>;
}

/** How many legal outcomes are looked at: all of them up to a number, else that many picked by `random` besides the telling ones. */
export interface CutBounds {
  readonly exhaustiveMax: number;
  readonly samples: number;
  /** A whole number from 0 up to, not including, `below`. */
  readonly random: (below: number) => number;
}

/** One thing that a cut decides, and its possible outcomes. */
interface Choice<T> {
  readonly options: readonly T[];
}

/** The outcomes of cutting the power now. The telling ones come first: nothing and everything reached the disk, one change alone, all but one. */
export function* powerCuts(disk: ModelDisk, bounds: CutBounds): Iterable<PowerCut> {
  const changes = disk.pending.map<Choice<Reached>>((change) => ({
    options: mayBeHalf(change) ? ["nothing", "target", "all"] : ["nothing", "all"],
  }));
  const dirty = dirtyFiles(disk);
  const sizes = [...changes, ...dirty].map(({ options }) => options.length);
  for (const picks of picksOf(sizes, bounds)) {
    const reached = changes.map(({ options }, index) => options[picks[index] ?? 0] ?? "nothing");
    const contents = new Map(
      dirty.map(({ node, options }, index) => [node, options[picks[changes.length + index] ?? 0] ?? node.content]),
    );
    yield { reached, contents };
  }
}

/** A power cut and the disk that it leaves, told in lines. */
export interface CutImage {
  readonly cut: PowerCut;
  readonly image: string;
}

/**
 * The outcomes of cutting the power now that were not met before: `seen` collects them, each with `under`, which must say everything else that decides whether an
 * outcome is legal. The same disk may be right before an operation has succeeded and wrong after it.
 */
export function* newCuts(
  disk: ModelDisk,
  bounds: CutBounds,
  { seen, under }: { readonly seen: Set<string>; readonly under: string },
): Iterable<CutImage> {
  for (const cut of powerCuts(disk, bounds)) {
    const image = describeCut(disk, cut);
    const key = `${under}\n${image}`;
    if (seen.has(key)) continue;
    seen.add(key);
    yield { cut, image };
  }
}

/** Whether `powerCuts` goes through all outcomes of cutting the power now. */
export function isExhaustive(disk: ModelDisk, bounds: CutBounds): boolean {
  const ofChanges = disk.pending.map((change) => (mayBeHalf(change) ? 3 : 2));
  const sizes = [...ofChanges, ...dirtyFiles(disk).map(({ options }) => options.length)];
  return product(sizes) <= bounds.exhaustiveMax;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

function* picksOf(sizes: readonly number[], bounds: CutBounds): Iterable<readonly number[]> {
  if (product(sizes) <= bounds.exhaustiveMax) {
    yield* everyPick(sizes);
    return;
  }
  const least = sizes.map(() => 0);
  const most = sizes.map((size) => size - 1);
  yield least;
  yield most;
  for (const [index, size] of sizes.entries()) {
    for (let pick = 0; pick < size; pick += 1) {
      if (pick > 0) yield least.with(index, pick);
      if (pick < size - 1) yield most.with(index, pick);
    }
    // As if the disk had worked in order and got so far.
    yield sizes.map((other, at) => (at < index ? other - 1 : 0));
  }
  for (let sample = 0; sample < bounds.samples; sample += 1) yield sizes.map((size) => bounds.random(size));
}

function* everyPick(sizes: readonly number[]): Iterable<readonly number[]> {
  const count = product(sizes);
  for (let number = 0; number < count; number += 1) {
    let rest = number;
    yield sizes.map((size) => {
      const pick = rest % size;
      rest = Math.floor(rest / size);
      return pick;
    });
  }
}

/**
 * Files that some outcome still shows, whose content was not fsynced. Lock files are left out: the notes in them are for people and decide nothing, which
 * the proof of locks shows with torn ones.
 */
function dirtyFiles(disk: ModelDisk): (Choice<Buffer> & { readonly node: DiskNode })[] {
  const found = new Set<DiskNode>();
  const visit = (entries: Iterable<[string, DiskNode]>): void => {
    for (const [name, node] of entries) {
      if (found.has(node) || name.endsWith("lock")) continue;
      found.add(node);
      visit(node.entries);
      visit(node.durableEntries);
    }
  };
  visit(disk.root.entries);
  visit(disk.root.durableEntries);
  for (const { target } of disk.pending) if (target?.node) visit([[target.name, target.node]]);
  const files = [...found].map((node) => ({ node, options: contentsAfterCut(node) }));
  return files.filter(({ options }) => options.length > 1);
}

/** A line for each name that a cut leaves, with kind, content and which names share a file: two outcomes with equal lines are one. */
export function describeCut(disk: ModelDisk, cut: PowerCut): string {
  const entriesOf = disk.entriesAfterCut(cut.reached);
  const firstNames = new Map<DiskNode, string>();
  const lines: string[] = [];
  const visit = (folder: DiskNode, path: string): void => {
    for (const [name, node] of [...entriesOf(folder)].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
      const own = `${path}/${name}`;
      const first = firstNames.get(node);
      firstNames.set(node, first ?? own);
      if (first !== undefined) lines.push(`${own} = ${first}`);
      else if (name.endsWith("lock")) lines.push(own);
      else if (node.kind === "folder") lines.push(`${own}/`);
      else lines.push(`${own} ${digestOf(cut.contents.get(node) ?? node.content)}`);
      if (first === undefined) visit(node, own);
    }
  };
  visit(disk.root, "");
  return lines.join("\n");
}

/** The disk as the machine finds it when the power is back: all that is there is durable. */
export function diskAfterCut(disk: ModelDisk, cut: PowerCut): ModelDisk {
  const after = new ModelDisk();
  after.nowNs = disk.nowNs + 60_000_000_000n;
  const entriesOf = disk.entriesAfterCut(cut.reached);
  const twins = new Map<DiskNode, DiskNode>();
  const copy = (source: DiskNode, target: DiskNode): void => {
    for (const [name, node] of entriesOf(source)) {
      const known = twins.get(node);
      const twin = known ?? after.makeDurable(node, cut.contents.get(node) ?? node.content);
      twins.set(node, twin);
      after.place(target, name, twin);
      if (known === undefined) copy(node, twin);
    }
  };
  copy(disk.root, after.root);
  return after;
}

const digests = new WeakMap<Buffer, string>();

function digestOf(content: Buffer): string {
  const known = digests.get(content);
  if (known !== undefined) return known;
  const digest = createHash("sha256").update(content).digest("base64");
  digests.set(content, digest);
  return digest;
}
