import { storePaths } from "../../../src/model/layout.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { pinRelease, unpinRelease } from "../../../src/release/marks.ts";
import { pruneReleases } from "../../../src/release/prune.ts";
import { rollback } from "../../../src/release/rollback.ts";
import type { ModelProcess } from "../model/machine.ts";
import { storeFolder } from "./place.ts";
import { dieBetweenRenameAndSync, type Scenario } from "./scenarios.ts";
import { inReleases, inSlots, keepingAll, ofSeveralFiles, publishedIn, publishTag, storeOf } from "./stores.ts";

const paths = storePaths(storeFolder);

const published = publishedIn(inReleases);
const publishedAndKept = publishedIn(keepingAll);

async function pin(process: ModelProcess, release: string): Promise<void> {
  await pinRelease(storeOf(process, inReleases), release, { reason: "audit" });
}

/** Every operation that changes a store of layout `releases`, which keeps two. */
const operations: readonly Omit<Scenario, "shape">[] = [
  {
    name: "first publish",
    prepare: () => Promise.resolve(),
    run: (process) => publishTag(process, "one", inReleases),
    after: "one",
  },
  {
    name: "publish that prunes, beside a pinned release",
    async prepare(process) {
      await published(process, "one");
      await pin(process, "r000001");
      await published(process, "two", "three");
    },
    run: (process) => publishTag(process, "four", inReleases),
    after: "four",
  },
  {
    name: "rollback --to",
    prepare: (process) => publishedAndKept(process, "one", "two", "three"),
    async run(process) {
      await rollback(storeOf(process, inReleases), { to: "r000001" });
    },
    after: "one",
  },
  {
    name: "rollback --to a release whose publisher was killed",
    prepare: (process) => published(process, "one", "two"),
    async run(process) {
      const data = paths.release("r000003");
      await dieBetweenRenameAndSync(process, data, (other) => publishTag(other, "three", inReleases));
      await rollback(storeOf(process, inReleases), { to: "r000003" });
    },
    after: "three",
  },
  {
    name: "releases prune",
    // Neither the active one nor the one before it is among the newest.
    async prepare(process) {
      await publishedAndKept(process, "one", "two", "three", "four", "five", "six");
      for (const to of ["r000001", "r000002"]) await rollback(storeOf(process, keepingAll), { to });
    },
    async run(process) {
      await pruneReleases(storeOf(process, inReleases));
    },
    after: "two",
  },
  {
    name: "releases pin",
    prepare: (process) => publishedAndKept(process, "one", "two", "three"),
    run: (process) => pin(process, "r000001"),
    after: "three",
    pinned: ["r000001"],
  },
  {
    name: "releases unpin",
    async prepare(process) {
      await publishedAndKept(process, "one", "two", "three");
      await pin(process, "r000001");
    },
    async run(process) {
      await unpinRelease(storeOf(process, inReleases), "r000001");
    },
    after: "three",
    pinned: [],
  },
  {
    name: "adopt --release after the manifest was deleted",
    async prepare(process) {
      await published(process, "one", "two");
      process.machine.disk.remove(paths.manifest);
    },
    async run(process) {
      await adopt(storeOf(process, inReleases), { release: "r000001" });
    },
    after: "one",
  },
  {
    name: "publish that converts a store of slots",
    prepare: (process) => publishedIn(inSlots)(process, "one", "two"),
    run: (process) => publishTag(process, "three", inReleases),
    after: "three",
  },
];

const publishedSeveral = publishedIn(ofSeveralFiles);

/** Operations on releases of several files: one of them is shared by all releases. */
const onSeveralFiles: readonly Omit<Scenario, "shape">[] = [
  {
    name: "first publish of several files",
    prepare: () => Promise.resolve(),
    run: (process) => publishTag(process, "one", ofSeveralFiles),
    after: "one",
  },
  {
    name: "publish of several files that prunes and shares one",
    prepare: (process) => publishedSeveral(process, "one", "two"),
    run: (process) => publishTag(process, "three", ofSeveralFiles),
    after: "three",
  },
  {
    name: "rollback of several files",
    prepare: (process) => publishedSeveral(process, "one", "two"),
    async run(process) {
      await rollback(storeOf(process, ofSeveralFiles));
    },
    after: "one",
  },
];

const adoption = { release: "r000001" } as const;

/** The same as scenarios. */
export const releaseScenarios: readonly Scenario[] = [
  ...operations.map((operation) => ({ ...operation, name: `${operation.name} (layout releases)`, shape: inReleases, adoption })),
  ...onSeveralFiles.map((operation) => ({ ...operation, shape: ofSeveralFiles, adoption })),
];
