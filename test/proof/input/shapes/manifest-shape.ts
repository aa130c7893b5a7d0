import type { ErrorCode } from "../../../../src/errors/codes.ts";
import { renderManifest, type OwnManifest } from "../../../../src/model/manifest.ts";
import { putBytes } from "../support/place.ts";

/** The store that a shape is laid into. */
export interface ManifestPlace {
  readonly folder: string;
  readonly manifest: string;
  /** The good manifest's bytes, which were there before. */
  readonly good: Buffer;
  /** The bytes of its release record. */
  readonly record: Buffer;
}

/** Puts one thing in the place of the manifest. */
export interface ManifestCase {
  readonly label: string;
  readonly lay: (place: ManifestPlace) => void;
}

/** What a command comes to: done, or an error. */
export type CommandEnd = "done" | ErrorCode;

/** What the commands come to, as they are called in process. */
export interface CommandEnds {
  readonly status: "pass" | "warn" | "fail";
  readonly path: CommandEnd;
  readonly rollback: CommandEnd;
  readonly publish: CommandEnd;
}

/**
 * What must come of a shape. `refused`: it is no manifest, at any door. `served`: readers take it. `unopenable`: it is a manifest, and what it names cannot be
 * opened: readers stay where they are or refuse to start, and never take the fallback instead.
 */
export type ManifestVerdict =
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly says: string }
  | { readonly kind: "served"; readonly release: string; readonly version: number; readonly rows: number }
  | { readonly kind: "unopenable"; readonly code: ErrorCode; readonly says: string };

/** What shapes of one row of the page have in common. */
export type ManifestGroup = "text" | "field" | "names" | "legal";

/** Something in the place of a manifest, in one or more forms, and what must come of each. */
export interface ManifestShape {
  readonly name: string;
  readonly group: ManifestGroup;
  readonly cases: (good: Buffer) => readonly ManifestCase[];
  readonly verdict: ManifestVerdict;
  readonly commands: CommandEnds;
}

/** The case that puts bytes there. */
export function bytesCase(label: string, bytes: string | Uint8Array): ManifestCase {
  return { label, lay: ({ manifest }) => putBytes(manifest, bytes) };
}

/** Cases of values, each made into a manifest's text. */
export function textCases(values: readonly string[], text: (value: string) => string = (value) => value): () => ManifestCase[] {
  return () => values.map((value) => bytesCase(value.slice(0, 60), text(value)));
}

/** The good manifest's fields. */
export function fieldsOf(good: Buffer): Record<string, unknown> {
  return JSON.parse(good.toString()) as Record<string, unknown>;
}

/** The good manifest with other fields and a digest that fits, as only Lockkeeper or somebody who means harm would write it. */
export function sealedCase(label: string, good: Buffer, fields: Record<string, unknown>): ManifestCase {
  const { digest: _digest, formatVersion: _formatVersion, ...rest } = fieldsOf(good);
  return bytesCase(label, renderManifest({ ...rest, ...fields } as unknown as OwnManifest));
}

/** A shape that is no manifest. */
export function refused(
  name: string,
  group: "text" | "field",
  rest: Pick<ManifestShape, "cases"> & { readonly says: string; readonly code?: ErrorCode },
): ManifestShape {
  const { cases, says, code = "MANIFEST_INVALID" } = rest;
  return {
    name,
    group,
    cases,
    verdict: { kind: "refused", code, says },
    commands: { status: "fail", path: code, rollback: code, publish: code },
  };
}

/** What commands come to where another program has written or edited the manifest. */
export const foreignCommands: CommandEnds = {
  status: "warn",
  path: "done",
  rollback: "FOREIGN_MANIFEST",
  publish: "FOREIGN_MANIFEST",
};

/** What commands come to on a good store. */
export const ownCommands: CommandEnds = { status: "pass", path: "done", rollback: "done", publish: "done" };

/** A shape that is another program's manifest: readers serve it, publishers do not touch it. */
export function foreign(
  name: string,
  rest: Pick<ManifestShape, "cases"> & { readonly version?: number; readonly active?: "a" | "b" },
): ManifestShape {
  const { cases, version = 2, active = "b" } = rest;
  const verdict = { kind: "served", release: `v${version}-${active}`, version, rows: active === "b" ? 2 : 1 } as const;
  return { name, group: "legal", cases, verdict, commands: foreignCommands };
}
