import { join } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { makeManifestDurable } from "./manifest-file.ts";
import { emptyTrash, removeUnpinned } from "./retention.ts";
import { assertExists, layoutOf, nextReleaseId, readPublishableState, type StoreState } from "./state.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { underWriterLock } from "./writer-lock.ts";

/** The inactive slot that a build is to have the room of; `undefined` where nothing is given up. */
export async function slotToRemove(
  store: ReleaseStore,
  state: StoreState,
): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  if (store.layout !== "slots" || store.space !== "2x" || !state.current) return undefined;
  const { path } = await layoutOf(store).target(store, state.current, await nextReleaseId(store, state));
  const stat = await store.platform.files.stat(path);
  return stat && { path, bytes: stat.bytes };
}

/**
 * With `space = "2x"`, removes the inactive slot before a build, so that two files are on disk instead of three; until the next switch there is nothing to go back to.
 * Under the writer lock and by the manifest of that moment. Throws `SLOT_BUSY` where a reader still has it open or a writer is inside, `WRITER_LOCKED`, and
 * what `readPublishableState` throws.
 */
export async function makeRoom(store: ReleaseStore, options: OperationOptions): Promise<void> {
  if ((await slotToRemove(store, await readPublishableState(store))) === undefined) return;
  await underWriterLock(store, { ...options, purpose: "make room in" }, async (lock) => {
    await makeManifestDurable(store);
    const state = await readPublishableState(store);
    const slot = await slotToRemove(store, state);
    if (!slot) return;
    const own = assertExists(store, state);
    const layout = layoutOf(store);
    const letWritersIn = await layout.clear(store, await layout.target(store, state.current, own.release));
    try {
      await lock.verify();
      // In this layout whatever is read and not active lies in the inactive slot.
      const pins = (await store.platform.files.list(store.paths.pins)).filter(
        (name) => name.endsWith(".pin") && name !== `${own.release}.pin`,
      );
      const paths = pins.map((name) => join(store.paths.pins, name));
      if (!(await removeUnpinned(store, slot.path, paths))) throw stillRead(slot.path);
      await store.platform.files.syncFolder(store.paths.folder);
      await store.platform.failpoint("space.freed");
    } finally {
      await letWritersIn();
    }
  });
  await emptyTrash(store);
}

function stillRead(path: string): LockkeeperError {
  return new LockkeeperError("SLOT_BUSY", `${path} cannot give its room to the build: a reader still has it open`, {
    hint: "Try again when it has drained; `lockkeeper locks` tells who reads what.",
    subject: path,
  });
}
