import type { Artifact } from "../model/artifact.ts";
import type { BuildMessage } from "../model/build-message.ts";
import type { Check } from "../model/check.ts";
import type { SwitchReason } from "../model/manifest.ts";
import type { LayoutKind, StorePaths } from "../model/layout.ts";
import type { Platform } from "../platform/port.ts";
import type { ReleaseEngine, SqliteTools } from "./engine.ts";

/** What a running operation tells whoever watches it. Never part of a result. */
export type ProgressEvent =
  | { readonly kind: "phase"; readonly phase: PublishPhase; readonly detail?: string }
  | { readonly kind: "output"; readonly stream: "stdout" | "stderr"; readonly chunk: Buffer }
  | { readonly kind: "message"; readonly message: BuildMessage }
  | { readonly kind: "cleaned"; readonly detail: string }
  | { readonly kind: "waiting"; readonly detail: string }
  | { readonly kind: "warning"; readonly detail: string };

/** Steps of a publish, in order. */
export type PublishPhase = "begin" | "build" | "seal" | "check" | "install" | "switch" | "done";

/** Which releases a store of layout `releases` keeps beside those that are in use. */
export interface Retention {
  /** How many of the newest, the active one among them; at least 1. */
  readonly keep: number;
  /** Younger ones are kept too. Milliseconds; 0 for none. */
  readonly withinMs: number;
}

/** A release store and what it is operated with. */
export interface ReleaseStore {
  readonly name: string;
  readonly layout: LayoutKind;
  readonly paths: StorePaths;
  /** Stem of data files; found in the folder or the manifest when not configured. */
  readonly basename: string | undefined;
  /** What a release holds. */
  readonly artifacts: readonly Artifact[];
  readonly checks: readonly Check[];
  readonly retention: Retention;
  /** Layout `slots`: with `2x` the inactive slot is removed before each build. */
  readonly space: "2x" | "3x";
  /** Refused builds that are kept for a look. Default 3. */
  readonly quarantineKeep: number;
  readonly platform: Platform;
  readonly engine: ReleaseEngine;
  readonly sqlite: SqliteTools;
}

/** Options that every changing operation takes. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for a held lock; 0 (default) fails at once. Milliseconds. */
  readonly waitMs?: number | undefined;
  /** Makes the plan and changes nothing. */
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** What kind of switch a publish is recorded as. */
export interface PublishOptions extends OperationOptions {
  readonly reason?: Exclude<SwitchReason, "foreign" | "rollback"> | undefined;
  /** In the operator's words; kept in manifest and history. */
  readonly note?: string | undefined;
  /**
   * The build begins with a copy of the active release at its path, for one that changes a part. It is committed only on top of what it was copied from:
   * `BASE_MOVED` after any switch meanwhile.
   */
  readonly base?: "active" | undefined;
  /** Only into an empty store: `STORE_NOT_EMPTY` where another publish came first. */
  readonly firstOnly?: boolean | undefined;
}

/** What a build function is given. */
export interface BuildContext {
  /** The DuckDB file to write; it does not exist yet, unless the build begins with a copy of the active release. */
  readonly path: string;
  /** The build's private folder. */
  readonly dir: string;
  /** The active release to look at, read-only. */
  readonly base: { readonly path: string; readonly release: string; readonly version: number } | undefined;
  readonly signal: AbortSignal;
  /** Tells whoever watches, or reports a check of the build's own. Throws `USAGE` for a malformed message. */
  readonly message: (message: BuildMessage) => void;
}

/** Where a release's data comes from. */
export type BuildSource =
  | {
      readonly kind: "command";
      readonly argv: readonly string[];
      readonly folder: string;
      readonly timeoutMs?: number | undefined;
    }
  | {
      readonly kind: "function";
      readonly build: (context: BuildContext) => Promise<void>;
      readonly timeoutMs?: number | undefined;
    }
  | {
      readonly kind: "sql";
      /** A folder of `.sql` files, or one file; relative to `folder`, in which the statements run. */
      readonly path: string;
      readonly folder: string;
      readonly timeoutMs?: number | undefined;
    }
  | { readonly kind: "copy"; readonly source: string }
  /** The artifacts' files in a folder that another program writes in place. Absolute. */
  | { readonly kind: "folder"; readonly source: string };
