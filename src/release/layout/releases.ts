import { join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { hasDatabase } from "../../model/artifact.ts";
import { dataFileReference, recordReference } from "../../model/layout.ts";
import { sha256Hex, type OwnManifest } from "../../model/manifest.ts";
import { activeOf, databaseFile, renderRecord } from "../../model/release-record.ts";
import { makeInnerFolders, openFilesStay, renameFile, writeNewFile } from "../../platform/files.ts";
import { stage, stagingFolder } from "../artifacts/stage.ts";
import { differenceFromRecord } from "../artifacts/whole.ts";
import { basenameOf } from "../basename.ts";
import { readHistory } from "../history.ts";
import { readRecord, recordedReleases, recordMode } from "../records.ts";
import type { ReleaseStore } from "../store.ts";
import { holdUnwritten, unknownRelease } from "./held-file.ts";
import type { Layout, RollbackRequest } from "./layout.ts";
import { retainReleases } from "./retained.ts";

/** A folder a release, as many as are kept. A store that was converted has its last two slots beside them, until they are pruned. */
export const releasesLayout: Layout = {
  kind: "releases",
  adoptWords: "--release ID",

  dataFile(store, active, basename) {
    return join(store.paths.folder, dataFileReference(basename, active));
  },

  // Nothing of another program can be lost: every release has a folder of its own, whose name was never used before.
  assertNothingUnknown: async () => undefined,

  async target(store, current, release) {
    const basename = await basenameOf(store, current);
    const folder = store.paths.release(release);
    const path = hasDatabase(store.artifacts) ? join(store.paths.folder, dataFileReference(basename, release)) : folder;
    return { active: release, basename, path };
  },

  // The folder is new, so nobody can be inside.
  clear: async () => async () => undefined,

  stage,

  // It lies in the folder that becomes the release's: whoever sees a release sees its record.
  async record(store, build, record) {
    const bytes = renderRecord(record);
    const folder = stagingFolder(build.folder);
    const path = join(folder, "release.json");
    await writeNewFile(store.platform, { path, bytes, failpoint: "record", permissions: recordMode.releases });
    await store.platform.files.syncFolder(folder);
    await store.platform.failpoint("record.done");
    return { path: recordReference(record.release, "releases"), sha256: sha256Hex(bytes) };
  },

  reference: (target, name) => `releases/${target.active}/${name}`,

  async install(store, build, target) {
    const { platform, paths } = store;
    await makeInnerFolders(platform, paths.folder, paths.releases);
    // A folder with an open file in it could not be moved.
    if (openFilesStay(platform)) await build.release();
    await renameFile(platform, stagingFolder(build.folder), paths.release(target.active));
    await platform.failpoint("install.renamed");
    await platform.files.syncFolder(paths.releases);
    await platform.failpoint("install.done");
  },

  async rollbackTarget(store, current, request) {
    const wanted = await wantedRelease(store, current, request);
    const stored = readRecord(store, wanted);
    if (!stored) throw unknownRelease(store, wanted, await whatIsKept(store));
    const { record } = stored;
    const database = databaseFile(record);
    const path = database === undefined ? store.paths.release(wanted) : join(store.paths.folder, database.path);
    const release = database === undefined ? async () => undefined : await holdUnwritten(store, path, wanted);
    try {
      const difference = await differenceFromRecord(store, record, request.signal);
      if (difference !== undefined) throw unknownRelease(store, wanted, difference);
      return { target: { active: activeOf(record) ?? wanted, basename: record.basename, path, stored }, release };
    } catch (error) {
      await release();
      throw error;
    }
  },

  retain: (store, own) => retainReleases(store, own),
};

async function wantedRelease(store: ReleaseStore, current: OwnManifest, request: RollbackRequest): Promise<string> {
  const { to, steps = 1 } = request;
  const wanted = to ?? (steps === 1 ? current.previous?.release : await activeBefore(store, current, steps));
  if (wanted === undefined) {
    const what = steps === 1 ? "the previous release" : `the release ${steps} switches ago`;
    throw unknownRelease(store, what, "the history does not reach that far");
  }
  if (wanted !== current.release) return wanted;
  const how = to === undefined ? `the release ${steps} switches ago, ${wanted},` : wanted;
  throw new LockkeeperError("USAGE", `${how} is already the active release of ${store.name}`, { subject: wanted });
}

/** Which release was active so many switches ago. */
async function activeBefore(store: ReleaseStore, current: OwnManifest, steps: number): Promise<string | undefined> {
  const switches = (await readHistory(store)).filter(({ type }) => type === "release.switched");
  // A crash between the switch and its line: the next switch will add it.
  const isTold = switches.some(({ commit }) => commit === current.commit);
  return switches.at(isTold ? -1 - steps : -steps)?.release;
}

async function whatIsKept(store: ReleaseStore): Promise<string> {
  const kept = (await recordedReleases(store)).slice(-keptShown);
  return kept.length === 0 ? "no release is kept" : `it is not kept; the newest are ${kept.join(", ")}`;
}

const keptShown = 10;
