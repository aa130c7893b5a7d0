import { basename as nameOf, dirname, join } from "node:path";
import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isDatabaseOnly } from "../../model/artifact.ts";
import { layoutOfActive } from "../../model/layout.ts";
import type { IdentifiedManifest } from "../../model/manifest.ts";
import type { Rel } from "../../model/plan.ts";
import { artifactsOf, databaseFile, type ReleaseRecord } from "../../model/release-record.ts";
import { builtPathIn } from "../artifacts/built.ts";
import { makeFolders } from "../../platform/files.ts";
import { basenameOf } from "../basename.ts";
import { keepWritersOut } from "../layout/held-file.ts";
import { lookAtManifest } from "../manifest-file.ts";
import { lookAtRecord } from "../records.ts";
import { assertExists, currentRel, layoutOf, readPublishableState, type StoreState } from "../state.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { showBase } from "./base-views.ts";
import type { BuildFolder } from "./folder.ts";

/** How often a copy is begun anew because something else became active in the middle of it. */
const attemptsMax = 3;

/** The release that is active when a build begins. */
export interface BuildBase extends Rel {
  /** Absolute path of its DuckDB file, to look at; of its folder, where it has none. */
  readonly path: string;
  /** What it holds, where that is more than a DuckDB file. */
  readonly record?: ReleaseRecord;
  /** Where the build's data began as a copy of it: the identity of the manifest that made it active, for `assertBaseUnmoved`. Plain text, to be stored as it is. */
  readonly copied?: string;
}

/**
 * The active release as a build's base, or `undefined` for the first one. A damaged record is no reason to refuse a build that only follows: it mends the store. Who copies the release
 * (`whole`) must know all its files, and is told.
 */
export async function baseOf(
  store: ReleaseStore,
  state: StoreState,
  { whole = false }: { readonly whole?: boolean } = {},
): Promise<BuildBase | undefined> {
  const { current } = state;
  const rel = currentRel(current);
  if (!current || !rel) return undefined;
  const { own } = current.manifest;
  const inFolder = layoutOfActive(current.manifest.active) === "releases";
  const record = own && inFolder ? recordOfBase(store, own.release, whole) : undefined;
  const basename = own?.basename ?? (await basenameOf(store, current));
  if (record === undefined || isDatabaseOnly(artifactsOf(record)))
    return { ...rel, path: layoutOf(store).dataFile(store, current.manifest.active, basename) };
  const database = databaseFile(record);
  const path = database ? join(store.paths.folder, database.path) : store.paths.release(rel.release);
  return { ...rel, path, record };
}

function recordOfBase(store: ReleaseStore, release: string, whole: boolean): ReleaseRecord | undefined {
  try {
    return lookAtRecord(store, release)?.record;
  } catch (error) {
    if (!whole && isLockkeeperError(error, "RECORD_INVALID", "FORMAT_UNSUPPORTED")) return undefined;
    throw error;
  }
}

/**
 * Makes the build's file a copy of the active release's, writable, without a log beside it. The active file is held against writers meanwhile; a switch
 * in the middle begins it anew. Throws `NO_RELEASE`, `SLOT_BUSY`, `CHECKSUM_MISMATCH` for a file that another program has written to, `BASE_MOVED` where the
 * switches do not end, `DISK_FULL`, `INTERRUPTED`, and what `readPublishableState` throws.
 */
export async function copyActive(
  store: ReleaseStore,
  folder: Pick<BuildFolder, "path" | "folder">,
  { signal }: Pick<OperationOptions, "signal">,
): Promise<BuildBase> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const state = await readPublishableState(store);
    assertExists(store, state);
    const base = await baseOf(store, state, { whole: true });
    if (base && state.current && (await copyUnmoved(store, { base, current: state.current, folder, signal }))) {
      if (base.record) await showBase(store, folder, base.record);
      await store.platform.failpoint("base.copied");
      return { ...base, copied: state.current.identity };
    }
    for (const { target } of base ? copiesOf(store, base, folder) : []) await removeIfThere(store, target);
  }
  throw new LockkeeperError(
    "BASE_MOVED",
    `the active release of ${store.name} changed ${attemptsMax} times while it was copied`,
    {
      hint: "Find out what switches it so often; `lockkeeper events` tells.",
      subject: store.paths.manifest,
    },
  );
}

/** Throws `BASE_MOVED` unless what a build's data began as is what is active now. A build that copied nothing may follow anything. */
export function assertBaseUnmoved(
  store: ReleaseStore,
  base: BuildBase | undefined,
  current: IdentifiedManifest | undefined,
): void {
  if (base?.copied === undefined || base.copied === current?.identity) return;
  const now = currentRel(current);
  const active = now ? `${now.release} is active now, as version ${now.version}` : "no release is active now";
  throw new LockkeeperError(
    "BASE_MOVED",
    `this build of ${store.name} began as a copy of ${base.release}, version ${base.version}; ${active}`,
    {
      hint: "Publish again: the build then begins with what is active. Without `--base active` a build commits on top of anything.",
      subject: base.release,
    },
  );
}

interface Copying {
  readonly base: BuildBase;
  readonly current: IdentifiedManifest;
  readonly folder: Pick<BuildFolder, "path" | "folder">;
  readonly signal: AbortSignal | undefined;
}

/** False where something else became active before the copy was whole. */
async function copyUnmoved(store: ReleaseStore, { base, current, folder, signal }: Copying): Promise<boolean> {
  const isUnmoved = async () => (await lookAtManifest(store))?.identity === current.identity;
  try {
    for (const { source, target } of copiesOf(store, base, folder)) {
      throwIfInterrupted(signal, "the build");
      await makeFolders(store.platform, folder.folder, dirname(target));
      await copyFile(store, { source, target, signal });
      await makeWritable(store, target);
    }
  } catch (error) {
    // What was active a moment ago may be pruned or replaced by now: that is no fault of this build.
    if (isLockkeeperError(error, "INTERRUPTED", "DISK_FULL") || (await isUnmoved())) throw error;
    return false;
  }
  return isUnmoved();
}

/** What is copied for a build, and where to: each file to its place in the release. */
function copiesOf(
  store: ReleaseStore,
  { path, record, release }: BuildBase,
  folder: Pick<BuildFolder, "path" | "folder">,
): { readonly source: string; readonly target: string }[] {
  if (record === undefined) return [{ source: path, target: folder.path }];
  const prefix = `releases/${release}/`;
  const placeOf = builtPathIn(record);
  return record.files.map((file) => {
    const source = join(store.paths.folder, ...file.path.split("/"));
    const built = placeOf(file.path.slice(prefix.length));
    return { source, target: source === path ? folder.path : join(folder.folder, ...built.split("/")) };
  });
}

/** A database is held against writers meanwhile, and read in a child process; nothing locks other files of a release. */
async function copyFile(
  store: ReleaseStore,
  { source, target, signal }: { readonly source: string; readonly target: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  if (!source.endsWith(".duckdb")) {
    await store.platform.files.copy(source, target);
    return;
  }
  const letWritersIn = await keepWritersOut(store, source);
  try {
    await assertNoLog(store, source);
    await store.platform.failpoint("base.held");
    await store.engine.copy(source, target, signal);
  } finally {
    await letWritersIn();
  }
}

/** A log beside the file holds rows that a copy of the file alone would lose (FACTS 2.6). */
async function assertNoLog(store: ReleaseStore, path: string): Promise<void> {
  if ((await store.platform.files.stat(`${path}.wal`)) === undefined) return;
  throw new LockkeeperError("CHECKSUM_MISMATCH", `${path} has a write-ahead log, so another program has written to it`, {
    hint: `\`lockkeeper check ${store.name}\` tells what else is wrong. Build without \`--base active\`, or roll back first.`,
    subject: nameOf(path),
  });
}

/** Files of release folders are read-only, and a copy is what its source is. */
async function makeWritable(store: ReleaseStore, path: string): Promise<void> {
  const file = await store.platform.files.open(path, "read");
  try {
    await file.setMode(0o644);
  } finally {
    await file.close();
  }
}

async function removeIfThere(store: ReleaseStore, path: string): Promise<void> {
  if ((await store.platform.files.stat(path)) !== undefined) await store.platform.files.removeFile(path);
}
