import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { OpenFile, Platform } from "../../src/platform/port.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** The store on a platform that writes down every durable step; random parts of names become `*`. */
function recorded(store: ReleaseStore): { readonly store: ReleaseStore; readonly steps: string[] } {
  const steps: string[] = [];
  const name = (path: string) =>
    path
      .replace(store.paths.folder, "")
      .replace(/\/builds\/[0-9a-f]+/, "/builds/*")
      .replace(/\.[0-9a-f]{12}\.tmp$/, ".*.tmp") || "/";
  const { files } = store.platform;
  const platform: Platform = {
    ...store.platform,
    files: {
      ...files,
      async open(path, mode, permissions) {
        const file = await files.open(path, mode, permissions);
        return new Proxy(file, {
          get(target, key: keyof OpenFile) {
            if (key === "sync") return async () => (await target.sync(), void steps.push(`fsync ${name(path)}`));
            const value = target[key];
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          },
        });
      },
      async rename(source, target) {
        await files.rename(source, target);
        steps.push(`rename ${name(source)} ${name(target)}`);
      },
      async syncFolder(path) {
        await files.syncFolder(path);
        steps.push(`fsync ${name(path)}`);
      },
    },
  };
  return { store: { ...store, platform }, steps };
}

/** The steps of `wanted` occur in `steps` in this order. */
function expectOrder(steps: readonly string[], wanted: readonly string[]): void {
  let from = 0;
  for (const step of wanted) {
    const at = steps.indexOf(step, from);
    expect(at, `"${step}" after "${steps[from - 1] ?? "the start"}" in\n${steps.join("\n")}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}

const publishOrder = [
  "fsync /.lockkeeper/builds/*/DB.duckdb",
  // The barrier: what an earlier writer left is durable before anything changes.
  "fsync /db_manifest.json",
  "fsync /",
  "fsync /.lockkeeper/records/.r000002.json.*.tmp",
  "rename /.lockkeeper/records/.r000002.json.*.tmp /.lockkeeper/records/r000002.json",
  "fsync /.lockkeeper/records",
  "fsync /.lockkeeper/pins/r000002.pin",
  "fsync /.lockkeeper/pins",
  "rename /.lockkeeper/builds/*/DB.duckdb /DB_b.duckdb",
  "fsync /",
  "fsync /.db_manifest.json.*.tmp",
  "rename /.db_manifest.json.*.tmp /db_manifest.json",
  "fsync /",
  "fsync /.lockkeeper/history.jsonl",
];

test("FACTS 5: SIGKILL cannot show a missing fsync, so the order of a publish's durable steps is held: data, record and pin before the switch", async () => {
  const folder = temporaryFolder();
  await publish(storeIn(folder), rowsBuild(1));
  const { store, steps } = recorded(storeIn(folder));
  await publish(store, rowsBuild(2));
  expectOrder(steps, publishOrder);
  for (const missing of publishOrder)
    expect(() =>
      expectOrder(
        steps.filter((step) => step !== missing),
        publishOrder,
      ),
    ).toThrow(`"${missing}" after`);
});

test("a rollback is a barrier, then the same replacement of the manifest", async () => {
  const folder = temporaryFolder();
  const first = storeIn(folder);
  await publish(first, rowsBuild(1));
  await publish(first, rowsBuild(2));
  const { store, steps } = recorded(storeIn(folder));
  await rollback(store);
  expectOrder(steps, [
    "fsync /db_manifest.json",
    "fsync /",
    "fsync /.db_manifest.json.*.tmp",
    "rename /.db_manifest.json.*.tmp /db_manifest.json",
    "fsync /",
    "fsync /.lockkeeper/history.jsonl",
  ]);
});

test("the first publish makes each folder's entry durable", async () => {
  const { store, steps } = recorded(storeIn(`${temporaryFolder()}/new/store`));
  await publish(store, rowsBuild(1));
  expectOrder(steps, [
    "rename /.lockkeeper/builds/*/DB.duckdb /DB_a.duckdb",
    "fsync /",
    "rename /.db_manifest.json.*.tmp /db_manifest.json",
    "fsync /",
  ]);
  expect(steps.filter((step) => step === "fsync /.lockkeeper").length).toBeGreaterThanOrEqual(5);
});
