import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodePlatform } from "../../src/platform/node.ts";
import type { Platform } from "../../src/platform/port.ts";
import { takePin } from "../../src/reader/pin.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** A platform on which something happens between opening a file and locking it. */
function meanwhile(action: () => void): Platform {
  const platform = nodePlatform();
  return {
    ...platform,
    files: {
      ...platform.files,
      async open(path, mode, permissions) {
        const file = await platform.files.open(path, mode, permissions);
        action();
        return file;
      },
    },
  };
}

test("FACTS 5: a pin that prune deletes between its opening and its locking pins nothing", async () => {
  const path = join(temporaryFolder(), "r000001.pin");
  writeFileSync(path, "");
  expect(
    await takePin(
      meanwhile(() => rmSync(path)),
      path,
    ),
  ).toEqual({ kind: "missing" });
  writeFileSync(path, "");
  const replaced = meanwhile(() => (rmSync(path), writeFileSync(path, "")));
  expect(await takePin(replaced, path)).toEqual({ kind: "missing" });
});

test("a pin file that stays pins until it is released", async () => {
  const path = join(temporaryFolder(), "r000001.pin");
  writeFileSync(path, "");
  const { locks, files } = nodePlatform();
  const taken = await takePin(nodePlatform(), path);
  const other = await files.open(path, "update");
  expect(taken.kind).toBe("pinned");
  expect(locks.tryLock(other, "exclusive")).toBe(false);
  if (taken.kind === "pinned") await taken.pin.release();
  expect(locks.tryLock(other, "exclusive")).toBe(true);
  await other.close();
});
