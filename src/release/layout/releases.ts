import { dirname, join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { dataFileReference } from "../../model/layout.ts";
import type { OwnManifest } from "../../model/manifest.ts";
import { activeOf } from "../../model/release-record.ts";
import { renameFile } from "../../platform/files.ts";
import { basenameOf } from "../basename.ts";
import { readHistory } from "../history.ts";
import { readRecord, recordedReleases } from "../records.ts";
import type { ReleaseStore } from "../store.ts";
import { holdUnwritten, recordsOfFile, unknownRelease } from "./held-file.ts";
import type { Layout, RollbackRequest } from "./layout.ts";
import { retainReleases } from "./retained.ts";

/** Data files of a release folder are never edited. A fence against accidents: integrity is their sha256. */
const dataMode = 0o444;

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
    return { active: release, basename, path: join(store.paths.folder, dataFileReference(basename, release)) };
  },

  // The folder is new, so nobody can be inside.
  clear: async () => async () => undefined,

  async install(store, build, target) {
    await build.file.setMode(dataMode);
    await renameFile(store.platform, build.path, target.path);
    await store.platform.failpoint("install.renamed");
    await store.platform.files.syncFolder(dirname(target.path));
    await store.platform.failpoint("install.done");
  },

  async rollbackTarget(store, current, request) {
    const wanted = await wantedRelease(store, current, request);
    const stored = readRecord(store, wanted);
    if (!stored) throw unknownRelease(store, wanted, await whatIsKept(store));
    const { record } = stored;
    const path = join(store.paths.folder, record.files[0]?.path ?? "");
    const release = await holdUnwritten(store, path, wanted);
    try {
      if ((await recordsOfFile(store, path, { among: [stored], signal: request.signal })).length === 0) {
        throw unknownRelease(store, wanted, `${path} is not the file that was sealed`);
      }
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
