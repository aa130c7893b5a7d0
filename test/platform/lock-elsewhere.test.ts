import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { whileLockedElsewhere } from "../../src/platform/lock-elsewhere.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { temporaryFolder } from "../support/temporary.ts";

const platform = nodePlatform();

function file(): string {
  const path = join(temporaryFolder(), "file");
  writeFileSync(path, "");
  return path;
}

test("a second process holds the lock while it is used, and has ended afterwards, also when that throws", async () => {
  const path = file();
  const ours = await platform.files.open(path, "update");
  try {
    const use = async () => platform.locks.tryLock(ours, "shared");
    expect(await whileLockedElsewhere(platform, path, { use })).toBe(false);
    const failing = whileLockedElsewhere(platform, path, { use: () => Promise.reject(new Error("mine")) });
    await expect(failing).rejects.toThrow("mine");
    expect(await use()).toBe(true);
  } finally {
    await ours.close();
  }
});

test("a lock that is held already, and a file that is not there, are told as what they are", async () => {
  const path = file();
  const ours = await platform.files.open(path, "update");
  try {
    expect(platform.locks.tryLock(ours, "shared")).toBe(true);
    const held = whileLockedElsewhere(platform, path, { use: async () => undefined });
    await expect(held).rejects.toMatchObject({
      code: "IO_FAILED",
      message: expect.stringMatching(/could not lock .*: refused$/),
    });
  } finally {
    await ours.close();
  }
  const missing = whileLockedElsewhere(platform, join(path, "below"), { use: async () => undefined });
  await expect(missing).rejects.toMatchObject({ code: "IO_FAILED", message: expect.stringContaining("failed ENOTDIR") });
});

test("INTERRUPTED where the signal aborts before the lock is held", async () => {
  const stopped = whileLockedElsewhere(platform, file(), {
    use: async () => "used",
    signal: AbortSignal.abort(new Error("stopped")),
  });
  await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED" });
});
