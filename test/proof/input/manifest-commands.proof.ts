import { describe, expect, test } from "vitest";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { releasePath } from "../../../src/release/path.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import type { ReleaseStore } from "../../../src/release/store.ts";
import { rowsBuild, storeIn } from "../../support/store.ts";
import type { CommandEnd, ManifestCase, ManifestShape } from "./shapes/manifest-shape.ts";
import { manifestShapes } from "./shapes/manifests.ts";
import { manifestLedger } from "./support/manifest-rows.ts";
import { templateStore } from "./support/template.ts";
import { treeOf } from "./support/tree.ts";

const template = templateStore();
const { passed } = manifestLedger("4-commands", "status, path, rollback and publish", {
  text: "status names file and fault; the others stop with exit 10, 12 or 13 and leave every byte as it was",
  field: "status names file and field; the others stop with exit 13 or 14 and leave every byte as it was",
  names: "what needs the name stops with an exit of its own and leaves every byte as it was; the rest works",
  legal: "under care it works; another program's is exit 12, naming `adopt`, and every byte stays as it was",
});

/** Cases at a time: each waits 100 ms for the manifest to get better. */
const batch = 64;

/** Runs what only looks; the folder must stay as it was. */
async function unchanging<T>(store: ReleaseStore, operation: (store: ReleaseStore) => Promise<T>): Promise<T> {
  const before = treeOf(store.paths.folder);
  const result = await operation(store);
  expect(treeOf(store.paths.folder)).toEqual(before);
  return result;
}

/** What an operation came to, and whether it left the folder as it was. */
async function attempt(
  store: ReleaseStore,
  operation: (store: ReleaseStore) => Promise<unknown>,
): Promise<{ readonly end: CommandEnd; readonly message: string }> {
  const before = treeOf(store.paths.folder);
  try {
    await operation(store);
    return { end: "done", message: "" };
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    expect(treeOf(store.paths.folder)).toEqual(before);
    return { end: error.code, message: error.message };
  }
}

/** `whole`: what is done is done, not only planned; sealing a build and hashing a slot take a process each. */
async function commandsOn(shape: ManifestShape, { lay, label }: ManifestCase, whole: boolean): Promise<void> {
  const laid = (): ReleaseStore => {
    const folder = template.copy();
    lay(template.place(folder));
    return storeIn(folder, { basename: undefined });
  };
  const store = laid();
  const status = await unchanging(store, storeStatus);
  const path = await unchanging(store, (each) => attempt(each, releasePath));
  const back = await attempt(shape.commands.rollback === "done" ? laid() : store, (each) => rollback(each, { dryRun: !whole }));
  const out = await attempt(shape.commands.publish === "done" ? laid() : store, (each) =>
    publish(each, rowsBuild(3), { dryRun: !whole }),
  );
  const ends = { status: status.status, path: path.end, rollback: back.end, publish: out.end };
  expect({ label, ...ends }).toEqual({ label, ...shape.commands });
  if (shape.verdict.kind !== "refused") return;
  for (const message of [...status.detail, path.message, back.message, out.message])
    expect(message).toContain(store.paths.manifest);
  if (shape.verdict.code !== "NO_RELEASE")
    expect([status.detail[0], path.message, back.message, out.message]).toEqual(
      Array(4).fill(expect.stringContaining(shape.verdict.says)),
    );
}

describe("commands on a store whose manifest is", () => {
  test.each(manifestShapes)("$name", async (shape) => {
    const cases = shape.cases(template.place("").good);
    for (let at = 0; at < cases.length; at += batch) {
      await Promise.all(
        cases
          .slice(at, at + batch)
          .map((each, index) => commandsOn(shape, each, at + index === 0 || shape.commands.publish !== "done")),
      );
    }
    passed(shape, cases.length);
  });
});
