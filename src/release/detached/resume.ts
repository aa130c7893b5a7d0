import { dirname, join } from "node:path";
import type { PublishResult } from "../../model/results.ts";
import { isDatabaseOnly } from "../../model/artifact.ts";
import { activeOf, type ReleaseRecord } from "../../model/release-record.ts";
import { openFilesStay, renameFile } from "../../platform/files.ts";
import { hasData, recordsOfBuild } from "../artifacts/built.ts";
import { stagingFolder, unstage } from "../artifacts/stage.ts";
import { differenceFromRecord } from "../artifacts/whole.ts";
import { tableCounts, tellPhase } from "../build/finish.ts";
import type { BuildFolder } from "../build/folder.ts";
import { appendHistory } from "../history.ts";
import { recordsOfFile } from "../layout/held-file.ts";
import { makeManifestDurable } from "../manifest-file.ts";
import { readRecords, type StoredRecord } from "../records.ts";
import { layoutOf, readPublishableState, type StoreState } from "../state.ts";
import type { OperationOptions, ReleaseStore } from "../store.ts";
import { installWaitMs, underWriterLock } from "../writer-lock.ts";

/**
 * Goes on from a commit that was cut off. Where its switch has happened, resolves with what came of it. Where the data was moved into place and never switched to, takes it back
 * into the build folder, so that the commit can begin anew; then, and where nothing had been moved, resolves with `undefined`. Throws `WRITER_LOCKED`, `SLOT_BUSY`, and what
 * `readPublishableState` throws.
 */
export async function resumeCommit(
  store: ReleaseStore,
  build: BuildFolder,
  options: OperationOptions,
): Promise<PublishResult | undefined> {
  if ((await recordsOf(store, build, options)).length === 0) return undefined;
  const request = { ...options, purpose: "resume", waitMs: Math.max(options.waitMs ?? 0, installWaitMs) };
  return underWriterLock(store, request, async () => {
    await makeManifestDurable(store);
    const state = await readPublishableState(store);
    const records = await recordsOf(store, build, options);
    for (const stored of records) {
      const switched = await switchedResult(store, { build, stored, state });
      if (switched) {
        tellPhase(options, "done");
        return switched;
      }
    }
    if (await hasData(store, build)) return undefined;
    for (const stored of records) {
      if (await takeBack(store, { build, stored, state, signal: options.signal })) {
        options.onProgress?.({
          kind: "cleaned",
          detail: `took back what a commit that died left as ${stored.record.release}`,
        });
        break;
      }
    }
    return undefined;
  });
}

/**
 * The records of earlier commits of what the build is now, newest first. A power cut may leave the data both in the folder and where it was installed; other data than a record
 * speaks of was written since, and is no release yet.
 */
async function recordsOf(
  store: ReleaseStore,
  build: BuildFolder,
  { signal }: Pick<OperationOptions, "signal">,
): Promise<StoredRecord[]> {
  const records = (await readRecords(store)).filter(({ record }) => record.build === build.id).toReversed();
  if (records.length === 0 || !(await hasData(store, build))) return records;
  if (isDatabaseOnly(store.artifacts)) return recordsOfFile(store, build.path, { among: records, signal });
  return recordsOfBuild(store, build, { among: records, signal });
}

interface Earlier {
  readonly build: BuildFolder;
  readonly stored: StoredRecord;
  readonly state: StoreState;
}

/** What the switch came to, if it happened. Its line in the history is there or added now: a version is acknowledged only then. */
async function switchedResult(store: ReleaseStore, { build, stored, state }: Earlier): Promise<PublishResult | undefined> {
  const { record } = stored;
  const own = state.current?.manifest.own;
  if (own) await appendHistory(store, own, []);
  const event = state.events.find(({ type, release }) => type === "release.switched" && release === record.release);
  const switched = own?.release === record.release ? own : event;
  if (switched?.version === undefined) return undefined;
  const { version, previous } = switched;
  return {
    store: store.name,
    outcome: "switched",
    build: build.id,
    release: record.release,
    version,
    ...(previous && { previous: { release: previous.release, version: previous.version } }),
    checks: record.checks,
    tables: tableCounts(record.tables),
  };
}

/** Moves the data of a release that was never active back into the build folder, if it is there byte for byte and nobody is inside. */
async function takeBack(
  store: ReleaseStore,
  { build, stored, state, signal }: Earlier & { readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  const active = activeOf(stored.record);
  const [file] = stored.record.files;
  if (active === undefined || file === undefined || active === state.current?.manifest.active) return false;
  if (stored.record.layout === "releases") return takeFolderBack(store, { build, record: stored.record, signal });
  const path = join(store.paths.folder, file.path);
  if ((await store.platform.files.stat(path))?.kind !== "file") return false;
  const letWritersIn = await layoutOf(store).clear(store, { active, basename: stored.record.basename, path });
  try {
    if ((await recordsOfFile(store, path, { among: [stored], signal })).length === 0) return false;
    if (openFilesStay(store.platform)) await letWritersIn();
    await renameFile(store.platform, path, build.path);
    await store.platform.failpoint("resume.renamed");
    await store.platform.files.syncFolder(dirname(path));
    await store.platform.files.syncFolder(build.folder);
    return true;
  } finally {
    await letWritersIn();
  }
}

/** By the one rename that an install is, backwards; then its files lie where the build wrote them. */
async function takeFolderBack(
  store: ReleaseStore,
  {
    build,
    record,
    signal,
  }: { readonly build: BuildFolder; readonly record: ReleaseRecord; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  if ((await differenceFromRecord(store, record, signal)) !== undefined) return false;
  await renameFile(store.platform, store.paths.release(record.release), stagingFolder(build.folder));
  await store.platform.failpoint("resume.renamed");
  await store.platform.files.syncFolder(store.paths.releases);
  await store.platform.files.syncFolder(build.folder);
  await unstage(store, build.folder);
  return true;
}
