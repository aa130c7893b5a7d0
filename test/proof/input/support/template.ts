import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { publish } from "../../../../src/release/publish.ts";
import { rowsBuild, storeIn } from "../../../support/store.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import type { ManifestPlace } from "../shapes/manifest-shape.ts";
import { putBytes } from "./place.ts";

/** What the good store serves: release r000002 of two rows in slot b, after r000001 of one row in slot a. */
export const good = { release: "r000002", version: 2, rows: 2, active: "b" } as const;

/** Rows of the release in the inactive slot. */
export const previousRows = 1;

/** Counts what a release holds. */
export const rowsSql = "SELECT count(*)::INT FROM t";

/** A store with two releases, published once for all tests of a file; every test works on a copy. */
export interface Template {
  /** A new copy in a folder of the running test's own. */
  copy(): string;
  /** A copy as shapes are laid into it. */
  place(copy: string): ManifestPlace & { readonly restore: () => void };
}

/**
 * Publishes the template before the tests of a file and removes it after them. Call it at the top of the file. `before`: more
 * statements of the release in the inactive slot, to make its file larger than the active one.
 */
export function templateStore(before: readonly string[] = []): Template {
  let folder = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-template-"));
    await publish(storeIn(folder), rowsBuild(previousRows, ...before));
    await publish(storeIn(folder), rowsBuild(good.rows));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    copy() {
      const copy = join(temporaryFolder(), "store");
      cpSync(folder, copy, { recursive: true, preserveTimestamps: true });
      return copy;
    },
    place(copy) {
      const manifest = join(copy, "db_manifest.json");
      const bytes = readFileSync(join(folder, "db_manifest.json"));
      const record = readFileSync(join(folder, ".lockkeeper/records/r000002.json"));
      const restore = (): void => {
        putBytes(join(copy, ".lockkeeper/records/r000002.json"), record);
        putBytes(manifest, bytes);
      };
      return { folder: copy, manifest, good: bytes, record, restore };
    },
  };
}
