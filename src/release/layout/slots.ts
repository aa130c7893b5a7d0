import { basename as nameOf, dirname, join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isSlot, otherSlot, slotStem, slotStems } from "../../model/layout.ts";
import type { OwnManifest } from "../../model/manifest.ts";
import type { ReleaseRecord } from "../../model/release-record.ts";
import { renameFile } from "../../platform/files.ts";
import { errnoOf } from "../../platform/io-error.ts";
import { basenameOf } from "../basename.ts";
import { readRecords, recordedReleases, writeRecord, type StoredRecord } from "../records.ts";
import type { SealedDatabase } from "../build/seal.ts";
import type { ReleaseStore } from "../store.ts";
import { holdUnwritten, keepWritersOut, recordsOfFile, unknownRelease } from "./held-file.ts";
import type { InstallTarget, Layout, RollbackRequest } from "./layout.ts";

/** Two DuckDB files, the active release and the previous one, as other programs know them. */
export const slotsLayout: Layout = {
  kind: "slots",
  adoptWords: "--slot a",

  dataFile(store, active, basename) {
    if (isSlot(active)) return store.paths.slot(basename, active);
    throw new LockkeeperError(
      "CONFIG_INVALID",
      `${store.paths.manifest} makes release folder "${active}" active; ${store.name} is configured with layout "slots"`,
      {
        hint: 'Set layout = "releases": a store that was converted stays so.',
        subject: store.paths.manifest,
      },
    );
  },

  async assertNothingUnknown(store) {
    const { files } = store.platform;
    const stems = slotStems(await files.list(store.paths.folder));
    const paths = stems.flatMap((stem) => [store.paths.slot(stem, "a"), store.paths.slot(stem, "b")]);
    for (const path of paths) {
      if ((await files.stat(path)) !== undefined) await assertRecorded(store, path);
    }
  },

  async target(store, current) {
    const active = current && isSlot(current.manifest.active) ? otherSlot(current.manifest.active) : "a";
    const basename = await basenameOf(store, current);
    return { active, basename, path: store.paths.slot(basename, active) };
  },

  async clear(store, target) {
    const stat = await store.platform.files.stat(target.path);
    if (stat !== undefined && stat.kind !== "file") {
      throw new LockkeeperError("SLOT_UNKNOWN", `${target.path} is not a regular file (${stat.kind})`, {
        hint: "Move it away; a slot is a plain DuckDB file.",
        subject: target.path,
      });
    }
    const release = stat === undefined ? async () => undefined : await keepWritersOut(store, target.path);
    try {
      await moveLogAway(store, `${target.path}.wal`);
      return release;
    } catch (error) {
      await release();
      throw error;
    }
  },

  // A slot is one file, which is moved as it is.
  stage: async () => undefined,

  record: (store, _build, record) => writeRecord(store, record),

  reference: (target) => nameOf(target.path),

  async install(store, { database }, target) {
    if (database === undefined) throw new LockkeeperError("BUG", "a release without a DuckDB file has no slot");
    const replaced = await store.platform.files.stat(target.path);
    if (replaced) await takeOver(database, replaced);
    await renameFile(store.platform, database.path, target.path);
    await store.platform.failpoint("install.renamed");
    await store.platform.files.syncFolder(dirname(target.path));
    await store.platform.failpoint("install.done");
  },

  async rollbackTarget(store, current, request) {
    const wanted = wantedRelease(store, current, request);
    const active = isSlot(current.active) ? otherSlot(current.active) : "a";
    const candidates = (await readRecords(store)).filter(
      ({ record }) => record.files[0]?.path === `${slotStem(record.basename, active)}.duckdb`,
    );
    const found = candidates.find(({ record }) => record.release === wanted);
    if (!found) throw unknownRelease(store, wanted, `no record says that slot ${active} held it`);
    const target = { ...targetOf(store, found.record, active), stored: found };
    if (store.space === "2x" && (await store.platform.files.stat(target.path)) === undefined) {
      const why = `slot ${active} gave its room to a build (space = "2x"); from the next switch on there is a release to go back to`;
      throw unknownRelease(store, wanted, why);
    }
    const release = await holdUnwritten(store, target.path, wanted);
    try {
      const held = await recordsOfFile(store, target.path, { among: candidates, signal: request.signal });
      if (!held.includes(found)) throw unknownRelease(store, wanted, whatLiesThere(held, active));
      return { target, release };
    } catch (error) {
      await release();
      throw error;
    }
  },

  // The data of all but two has been replaced: what is left of them is their records.
  async retain(store, own) {
    return (await recordedReleases(store)).map((release) => {
      const found = { release, paths: [store.paths.record(release, "slots")], bytes: 0 };
      if (release === own.release) return { ...found, keep: true, reason: "active" };
      if (release === own.previous?.release) return { ...found, keep: true, reason: "active before: what a rollback goes to" };
      return { ...found, keep: false, reason: "neither active nor previous" };
    });
  },
};

function targetOf(store: ReleaseStore, record: ReleaseRecord, active: "a" | "b"): InstallTarget {
  return { active, basename: record.basename, path: store.paths.slot(record.basename, active) };
}

function wantedRelease(store: ReleaseStore, current: OwnManifest, request: RollbackRequest): string {
  const { to, steps = 1 } = request;
  if (to === current.release) {
    throw new LockkeeperError("USAGE", `${to} is already the active release of ${store.name}`, { subject: to });
  }
  if (to === undefined && steps !== 1) {
    throw unknownRelease(store, `the release ${steps} steps before`, 'layout "slots" keeps the previous release only');
  }
  const wanted = to ?? current.previous?.release;
  if (wanted === undefined) throw unknownRelease(store, "the previous release", "there was none before the active one");
  return wanted;
}

async function assertRecorded(store: ReleaseStore, path: string): Promise<void> {
  const among = (await readRecords(store)).filter(({ record }) => record.files[0]?.path === nameOf(path));
  if ((await recordsOfFile(store, path, { among })).length > 0) return;
  const slot = path.endsWith("_a.duckdb") ? "a" : "b";
  throw new LockkeeperError("SLOT_UNKNOWN", `${path} exists, but there is no manifest and no record of it`, {
    hint: `Take it under care with \`lockkeeper adopt ${store.name} --slot ${slot}\`, or move it away.`,
    subject: path,
  });
}

/** A leftover log would be replayed into whatever file comes to lie beside it, even by readers. */
async function moveLogAway(store: ReleaseStore, log: string): Promise<void> {
  const { files } = store.platform;
  if ((await files.stat(log)) === undefined) return;
  await renameFile(store.platform, log, join(store.paths.trash, `${store.platform.random(6)}-${nameOf(log)}`));
  await files.syncFolder(dirname(log));
}

/** A foreign writer must be able to open the inactive slot: owner and mode of the file that is replaced stay. */
async function takeOver(
  { file }: SealedDatabase,
  replaced: { readonly mode: number; readonly owner: number; readonly group: number },
): Promise<void> {
  await file.setMode(replaced.mode & 0o777);
  const own = await file.stat();
  if (own.owner === replaced.owner && own.group === replaced.group) return;
  await file.setOwner(replaced.owner, replaced.group).catch((error: unknown) => {
    // Only root may give a file away; anybody else's build stays the builder's.
    if (errnoOf(error) !== "EPERM") throw error;
  });
}

function whatLiesThere(held: readonly StoredRecord[], slot: string): string {
  const other = held[0]?.record.release;
  if (!other) return `slot ${slot} was changed by another program`;
  return `slot ${slot} holds ${other}, which a crash kept from ever being active; --to ${other} activates it`;
}
