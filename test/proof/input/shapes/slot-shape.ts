import type { ErrorCode } from "../../../../src/errors/codes.ts";

/** The store that a shape is laid into. */
export interface SlotPlace {
  readonly folder: string;
  /** The slot that the shape replaces, as a regular good file before. */
  readonly path: string;
  /** The other slot. */
  readonly other: string;
  /** The slot's bytes, for shapes that change some of them. */
  readonly bytes: Buffer;
}

/** What a door comes to: it opens or does what it is to do, or throws. */
export type SlotEnd = "done" | ErrorCode;

/** Something in the place of a data file, and what must come of it. */
export interface SlotShape {
  readonly name: string;
  /** Returns what takes away what a `clear` of the path would leave. */
  readonly lay: (place: SlotPlace) => void | Promise<void> | Promise<() => Promise<void>>;
  /** A reader that opens it as the active release under a manifest of ours. */
  readonly own: SlotEnd;
  /** The same under another program's manifest, which has no record to compare with; undefined where that program answers for it. */
  readonly foreign: SlotEnd | undefined;
  /** What the errors name apart from the path. */
  readonly says: string;
  /** A publish that would replace it as the inactive slot. */
  readonly publish: SlotEnd;
  /** A rollback that would go back to it. */
  readonly rollback: SlotEnd;
  /** A publish while it is the active slot; `done` unless said. */
  readonly publishBeside?: SlotEnd;
  /** What `check` says of it as the active slot; `found` unless it opens, where nothing else is said. */
  readonly check?: "clean" | "found";
}

/** A regular file that is not what was published: the next publish replaces it, no rollback takes it. */
export function damaged(
  name: string,
  rest: Pick<SlotShape, "lay" | "says"> & Partial<Pick<SlotShape, "own" | "foreign" | "publishBeside" | "check">>,
): SlotShape {
  return { name, own: "CHECKSUM_MISMATCH", foreign: "DATABASE_CORRUPT", publish: "done", rollback: "RELEASE_UNKNOWN", ...rest };
}

/** What is no regular file: nobody opens it, and nobody replaces it without being told to. */
export function strange(name: string, rest: Pick<SlotShape, "lay" | "says">): SlotShape {
  return {
    name,
    own: "MANIFEST_INVALID",
    foreign: "MANIFEST_INVALID",
    publish: "SLOT_UNKNOWN",
    rollback: "RELEASE_UNKNOWN",
    ...rest,
  };
}
