import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { recorded } from "../support/recorded.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

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
