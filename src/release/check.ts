import { join, sep } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { CheckResult } from "../model/check.ts";
import { releaseOf, type IdentifiedManifest } from "../model/manifest.ts";
import { isDatabaseOnly } from "../model/artifact.ts";
import { artifactsOf, databaseFile, type ReleaseFile, type ReleaseRecord } from "../model/release-record.ts";
import type { ChecksResult } from "../model/results.ts";
import { basenameOf } from "./basename.ts";
import { tablesOfRecord } from "./artifacts/built.ts";
import { differenceFromRecord } from "./artifacts/whole.ts";
import type { Baseline } from "./checks/context.ts";
import { baselineOfParent, parentBaseline } from "./checks/baseline.ts";
import { runChecks } from "./checks/run-checks.ts";
import { assertManifestUnmoved, lookAtManifest } from "./manifest-file.ts";
import { readRecord, recordOf } from "./records.ts";
import { layoutOf, readState, type StoreState } from "./state.ts";
import { namingErrors } from "./system-errors.ts";
import type { ReleaseStore } from "./store.ts";

/** The active release of a state. Throws `NO_RELEASE`. */
export function activeOf(store: ReleaseStore, state: StoreState): IdentifiedManifest {
  if (state.current) return state.current;
  throw new LockkeeperError("NO_RELEASE", `${store.name} has no release: ${store.paths.manifest} does not exist`, {
    hint: `Publish one: lockkeeper publish ${store.name} -- COMMAND`,
    subject: store.paths.manifest,
  });
}

/** What to check. */
export interface CheckOptions {
  /** With layout `slots` it must be the active one; default: that. */
  readonly release?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How often a check begins again because the store switched meanwhile. */
const attemptsMax = 3;

/**
 * Runs all checks on the active release, or on another one that is kept, and compares its file with the sha256 in its record. Changes nothing. What was found counts only while the manifest
 * is the one that led to it, for two publishes later the slot holds another release; else it begins again. Throws `NO_RELEASE`, `RELEASE_UNKNOWN` for
 * one that is not kept, `FILE_LOCKED`, `INTERRUPTED`, `MANIFEST_MOVED` when the store never stands still.
 */
export async function checkRelease(store: ReleaseStore, options: CheckOptions = {}): Promise<ChecksResult> {
  return namingErrors(store, async () => {
    for (let attempt = 1; ; attempt += 1) {
      const current = activeOf(store, await readState(store));
      const [outcome] = await Promise.allSettled([checkActive(store, current, options)]);
      const moved = (await lookAtManifest(store))?.identity !== current.identity;
      if (moved && attempt < attemptsMax) continue;
      if (moved) await assertManifestUnmoved(store, current);
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    }
  });
}

async function checkActive(
  store: ReleaseStore,
  current: IdentifiedManifest,
  { release: wanted, signal }: CheckOptions,
): Promise<ChecksResult> {
  const release = releaseOf(current.manifest);
  if (wanted !== undefined && wanted !== release) return checkKept(store, { release: wanted, signal });
  const record = current.manifest.own && recordOf(store, current.manifest.own).record;
  if (record && !isDatabaseOnly(artifactsOf(record))) {
    return checkRecorded(store, record, { baseline: () => parentBaseline(store, current), signal });
  }
  const basename = current.manifest.own?.basename ?? (await basenameOf(store, current));
  const path = await regularFile(store, layoutOf(store).dataFile(store, current.manifest.active, basename));
  const baseline = () => parentBaseline(store, current);
  const { checks } = await runChecks(store, { path, basename, baseline, signal });
  return { store: store.name, release, checks: [...checks, await checkDigest(store, record?.files[0], path)] };
}

async function checkKept(
  store: ReleaseStore,
  { release, signal }: { readonly release: string; readonly signal: AbortSignal | undefined },
): Promise<ChecksResult> {
  const record = store.layout === "slots" ? undefined : readRecord(store, release)?.record;
  const [file] = record?.files ?? [];
  if (record === undefined || file === undefined) {
    throw new LockkeeperError("RELEASE_UNKNOWN", `${release} of ${store.name} cannot be opened for checks`, {
      hint:
        store.layout === "slots"
          ? 'With layout "slots" only the active release can be checked.'
          : `\`lockkeeper releases list ${store.name}\` shows what is kept.`,
      subject: release,
    });
  }
  const baseline = () => baselineOfParent(store, record);
  if (!isDatabaseOnly(artifactsOf(record))) return checkRecorded(store, record, { baseline, signal });
  const path = await regularFile(store, join(store.paths.folder, file.path));
  const { checks } = await runChecks(store, { path, basename: record.basename, baseline, signal });
  return { store: store.name, release, checks: [...checks, await checkDigest(store, file, path)] };
}

/** A release of more than a DuckDB file. Its bytes are compared first: what is not as it was sealed may not open at all, or show other values without an error (FACTS 2.9). */
async function checkRecorded(
  store: ReleaseStore,
  record: ReleaseRecord,
  { baseline, signal }: { readonly baseline: () => Promise<Baseline>; readonly signal: AbortSignal | undefined },
): Promise<ChecksResult> {
  const common = {
    name: "sha256",
    check: "sha256",
    severity: "error",
    expected: `${record.files.length} files as they were sealed`,
  } as const;
  const difference = await differenceFromRecord(store, record, signal);
  const message = difference ?? "every byte is as it was sealed";
  const digest = {
    ...common,
    status: difference === undefined ? "pass" : "fail",
    observed: difference ?? "all as sealed",
    message,
  } as const;
  const built = { tables: tablesOfRecord(record, store.paths.release(record.release)), files: [], problems: [] };
  const database = databaseFile(record);
  const path = database && join(store.paths.folder, database.path);
  const isThere = difference === undefined || !difference.endsWith(" is missing");
  const { checks } = isThere
    ? await runChecks(store, { path, basename: record.basename, built, baseline, signal })
    : { checks: [] };
  return { store: store.name, release: record.release, checks: [...checks, digest] };
}

/** The data file, a link followed as readers do. Throws `DATABASE_CORRUPT` for what is none: the engine waits for ever for the writer of a FIFO. */
async function regularFile(store: ReleaseStore, path: string): Promise<string> {
  const { files } = store.platform;
  const entry = await files.stat(path);
  if (entry === undefined || entry.kind === "file") return path;
  const target = entry.kind === "symlink" ? await files.resolve(path).catch(() => undefined) : undefined;
  const folder = (await files.resolve(store.paths.folder)) ?? store.paths.folder;
  if (target?.startsWith(join(folder, sep)) && (await files.stat(target))?.kind === "file") return target;
  const what = entry.kind === "symlink" ? "a link that leaves the folder or leads nowhere" : `not a regular file (${entry.kind})`;
  throw new LockkeeperError("DATABASE_CORRUPT", `${path} is ${what}`, {
    hint: "Put the data file itself into the store's folder, or roll back.",
    subject: path,
  });
}

async function checkDigest(store: ReleaseStore, file: ReleaseFile | undefined, path: string): Promise<CheckResult> {
  const common = { name: "sha256", check: "sha256", severity: "error" } as const;
  if (file === undefined) {
    const message = "another program published this release; there is no record to compare with";
    return { ...common, status: "skip", observed: "no record", expected: "a record", message };
  }
  const expected = file.sha256;
  const bytes = (await store.platform.files.stat(path))?.bytes;
  if (bytes !== undefined && bytes !== file.bytes) {
    // Hashing takes a second a gigabyte, and what it would say is known.
    const message = `${path} has ${bytes} bytes; ${file.bytes} were sealed`;
    return { ...common, status: "fail", observed: `${bytes} bytes`, expected, message };
  }
  const log = await store.platform.files.stat(`${path}.wal`);
  if (log !== undefined && log.bytes > 0) {
    const message = `${path}.wal would be replayed into the release, which has none`;
    return { ...common, status: "fail", observed: "a write-ahead log beside it", expected, message };
  }
  const [digest] = await store.engine.digest([path]);
  const observed = digest?.sha256 ?? "none";
  const passes = observed === expected;
  const message = passes ? "every byte is as it was sealed" : `${path} was changed after it was sealed`;
  return { ...common, status: passes ? "pass" : "fail", observed, expected, message };
}
