import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rejection } from "../reader/support/rejection.ts";
import { renderManifest, type OwnManifest } from "../../src/model/manifest.ts";
import { releasePath } from "../../src/release/path.ts";
import { publish } from "../../src/release/publish.ts";
import { manifestOf, rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("a manifest's basename leads no command out of the folder: the refusal names file and field", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(1));
  const store = storeIn(folder, { basename: undefined });
  for (const basename of ["../x", "/etc/x", "memory"]) {
    const fields = { ...manifestOf(folder), basename } as unknown as OwnManifest;
    writeFileSync(store.paths.manifest, renderManifest(fields));
    expect(await rejection(releasePath(store))).toMatchObject({
      code: "MANIFEST_INVALID",
      message: expect.stringContaining(`${join(folder, "db_manifest.json")}: "basename" is "${basename}"`),
    });
  }
});
