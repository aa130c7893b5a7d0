import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { storePaths } from "../../../src/model/layout.ts";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild, type BeginOptions } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { publish } from "../../../src/release/publish.ts";
import { taggedBuild } from "../model/engine.ts";
import type { ModelProcess } from "../model/machine.ts";
import { committedAgain, detachedBuilds, writeBuild, type DetachedBuild } from "./detached.ts";
import { storeFolder } from "./place.ts";
import { dieBetweenRenameAndSync, type Scenario } from "./scenarios.ts";
import { inReleases, inSlots, publishedIn, publishTag, storeOf, type StoreShape } from "./stores.ts";

const paths = storePaths(storeFolder);

const refusedTag = "longer than twenty letters";

/** A build takes its time. */
const hourMs = 3_600_000;

/** Begins a build on a store that has two releases, and writes its data and a line of progress. */
export async function begun(
  process: ModelProcess,
  { tag, shape = inSlots, ...options }: BeginOptions & { readonly tag: string; readonly shape?: StoreShape },
): Promise<void> {
  await publishedIn(shape)(process, "one", "two");
  const { path, environment } = await beginBuild(storeOf(process, shape), options);
  await writeBuild(process, path, tag);
  const messages = await process.platform.files.open(environment["LOCKKEEPER_MESSAGES"] ?? "", "create");
  await messages.write(Buffer.from('{"type":"log","message":"half way"}\n'), 0);
  await messages.close();
}

/** The build that was begun. */
export function theBuild({ machine }: Pick<ModelProcess, "machine">): string {
  const [id] = detachedBuilds(machine.disk);
  if (id === undefined) throw new Error("no build was begun");
  return id;
}

/** Commits the build that was begun, after an hour. */
async function commit(process: ModelProcess, shape?: StoreShape): Promise<string> {
  process.machine.pass(hourMs);
  return (await commitBuild(storeOf(process, shape), theBuild(process))).outcome;
}

/** The same. Throws unless it switches. */
async function commitOut(process: ModelProcess, shape?: StoreShape): Promise<void> {
  const outcome = await commit(process, shape);
  if (outcome !== "switched") throw new LockkeeperError("BUILD_FAILED", `the commit ended with ${outcome}`);
}

/** A commit that is killed between the install of its data and the switch. */
async function commitKilled(process: ModelProcess, shape: StoreShape): Promise<void> {
  const target = shape.layout === "slots" ? paths.slot("DB", "a") : paths.release("r000003");
  await dieBetweenRenameAndSync(process, target, (other) => commit(other, shape));
  if (!process.machine.disk.has(target)) throw new Error("nothing was installed");
}

/** An operation on a detached build. */
interface DetachedOperation {
  readonly name: string;
  readonly prepare: Scenario["prepare"];
  readonly run: (process: ModelProcess) => Promise<unknown>;
  /** Tag of the release that is active once the operation has succeeded. Default: the same as before. */
  readonly after?: string;
  readonly build: DetachedBuild;
  readonly shape?: StoreShape;
}

const written = { tag: "detached", meanwhile: ["open"], after: "open" } as const satisfies DetachedBuild;
const committed = { ...written, meanwhile: ["open", "out"], after: "out" } as const satisfies DetachedBuild;
const swept = { ...written, meanwhile: ["open", "quarantined"], after: "quarantined" } as const satisfies DetachedBuild;

/** A build whose lease has expired, beside an older one in quarantine, which keeps one. */
async function expired(process: ModelProcess): Promise<void> {
  await begun(process, { tag: "detached", leaseMs: 1000 });
  await publish(storeOf(process), taggedBuild(process, refusedTag));
}

const layouts = [
  { shape: inSlots, named: "" },
  { shape: inReleases, named: " (layout releases)" },
];

const operations: readonly DetachedOperation[] = [
  {
    name: "build begin",
    prepare: (process) => publishedIn(inSlots)(process, "one", "two"),
    run: (process) => beginBuild(storeOf(process)),
    build: { tag: undefined, meanwhile: ["open", "gone"], after: "open" },
  },
  {
    name: "build begin --base active",
    prepare: (process) => publishedIn(inSlots)(process, "one", "two"),
    run: (process) => beginBuild(storeOf(process), { base: "active" }),
    build: { tag: "two", meanwhile: ["open", "gone"], after: "open" },
  },
  {
    name: "build begin that sweeps a build whose lease expired",
    prepare: expired,
    async run(process) {
      process.machine.pass(hourMs);
      await beginBuild(storeOf(process));
    },
    build: swept,
  },
  {
    name: "publish that sweeps a build whose lease expired",
    prepare: expired,
    async run(process) {
      process.machine.pass(hourMs);
      await publishTag(process, "three");
    },
    after: "three",
    build: swept,
  },
  ...layouts.flatMap<DetachedOperation>(({ shape, named }) => [
    {
      name: `build commit${named}`,
      prepare: (process) => begun(process, { tag: "detached", shape }),
      run: (process) => commitOut(process, shape),
      after: "detached",
      build: committed,
      shape,
    },
    {
      name: `build commit after one that was killed before its switch${named}`,
      async prepare(process) {
        await begun(process, { tag: "detached", shape });
        await commitKilled(process, shape);
      },
      run: (process) => commitOut(process, shape),
      after: "detached",
      build: committed,
      shape,
    },
  ]),
  {
    name: "build commit that a check refuses",
    prepare: (process) => begun(process, { tag: refusedTag }),
    async run(process) {
      const outcome = await commit(process);
      if (outcome !== "refused") throw new Error(`the commit ended with ${outcome}`);
    },
    build: { tag: refusedTag, meanwhile: ["open", "quarantined"], after: "quarantined", ends: "refused" },
  },
  {
    name: "build abort",
    prepare: (process) => begun(process, { tag: "detached" }),
    async run(process) {
      process.machine.pass(hourMs);
      await abortBuild(storeOf(process), theBuild(process));
    },
    build: { ...written, meanwhile: ["open", "gone"], after: "gone" },
  },
];

/** Every operation on a detached build, as scenarios; after each crash the build is committed once more. */
export const detachedScenarios: readonly Scenario[] = operations.map(({ build, after = "two", run, shape, ...operation }) => ({
  ...operation,
  run: async (process) => void (await run(process)),
  after,
  alsoOn: committedAgain(build, shape),
  ...(shape?.layout === "releases" && { shape, adoption: { release: "r000001" } }),
}));
