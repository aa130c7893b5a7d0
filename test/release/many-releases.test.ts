import { join } from "node:path";
import { expect, test } from "vitest";
import { makeReleases } from "../../bench/lib/many-releases.mjs";
import type { FileSystem } from "../../src/platform/port.ts";
import { listReleases } from "../../src/release/list.ts";
import { pruneReleases } from "../../src/release/prune.ts";
import { publish } from "../../src/release/publish.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const sizes = [10, 20, 40] as const;

/** A store with so many releases, and a count of the file operations on it. */
async function storeWith(
  count: number,
  keep: number,
): Promise<{ readonly store: ReleaseStore; readonly operations: () => number }> {
  const folder = join(temporaryFolder(), "store");
  const options = { layout: "releases", basename: "DB" } as const;
  const filled = storeIn(folder, { ...options, retention: { keep: count } });
  await makeReleases((build) => publish(filled, { kind: "function", build }), { folder, basename: "DB", count });
  const store = storeIn(folder, { ...options, retention: { keep } });
  let operations = 0;
  const files = new Proxy(store.platform.files, {
    get(target, name: keyof FileSystem) {
      operations++;
      return target[name];
    },
  });
  return { store: { ...store, platform: { ...store.platform, files } }, operations: () => operations };
}

/** File operations of `action` on a store of each size, at most `each` a release and the same for every one. */
async function expectLinear(
  keep: (count: number) => number,
  each: number,
  action: (store: ReleaseStore, count: number) => Promise<void>,
): Promise<void> {
  const [ten = 0, twenty = 0, forty = 0] = await Promise.all(
    sizes.map(async (count) => {
      const { store, operations } = await storeWith(count, keep(count));
      await action(store, count);
      return operations();
    }),
  );
  expect((forty - twenty) / 20).toBe((twenty - ten) / 10);
  expect((forty - twenty) / 20).toBeLessThanOrEqual(each);
}

test("a list costs one file operation a release: its record", async () => {
  await expectLinear(
    (count) => count,
    1,
    async (store, count) => expect((await listReleases(store)).releases).toHaveLength(count),
  );
});

test("a prune that keeps everything costs the same few file operations for every release", async () => {
  await expectLinear(
    (count) => count,
    2,
    async (store, count) => expect((await pruneReleases(store)).kept).toHaveLength(count),
  );
});

test("a prune costs the same few file operations for every release that it removes", async () => {
  await expectLinear(
    () => 1,
    20,
    // The active one and the one that was active before it stay.
    async (store, count) => expect((await pruneReleases(store)).removed).toHaveLength(count - 2),
  );
});
