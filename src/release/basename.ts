import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { slotStems } from "../model/layout.ts";
import { basenameIn, type IdentifiedManifest } from "../model/manifest.ts";
import { assertBasename } from "../model/names.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * Stem of the store's data files: as configured, else as the manifest says, else the only `<stem>_a.duckdb` or `<stem>_b.duckdb`
 * in the folder, else the store's name. Throws `CONFIG_INVALID` where several lie there or the stem cannot be used, `MANIFEST_INVALID` where the
 * manifest's cannot.
 */
export async function basenameOf(store: ReleaseStore, current: IdentifiedManifest | undefined): Promise<string> {
  const basename =
    store.basename ?? (current && basenameIn(current.manifest, store.paths.manifest)) ?? (await onlyStem(store)) ?? store.name;
  assertBasename(basename);
  return basename;
}

async function onlyStem(store: ReleaseStore): Promise<string | undefined> {
  const stems = slotStems(await store.platform.files.list(store.paths.folder));
  if (stems.length < 2) return stems[0];
  throw new LockkeeperError("CONFIG_INVALID", `${store.paths.folder} holds slot files of several names: ${stems.join(", ")}`, {
    hint: "Say which with `basename` in the store's configuration.",
    subject: store.paths.folder,
  });
}
