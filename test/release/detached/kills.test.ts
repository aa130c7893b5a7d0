import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { listBuilds } from "../../../src/release/detached/list.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { auditStore } from "../../proof/faults/audit.ts";
import { inParallel } from "../../proof/faults/operations.ts";
import { manifestOf, rowsBuild, startOperation, storeIn } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { onMachine, writeRows } from "./support.ts";

const id = "const [id] = await platform.files.list(store.paths.builds);";
const rebooted = `{ ...store, platform: { ...platform, processes: { ...platform.processes, self: () => ({ ...platform.processes.self(), bootId: "another" }) } } }`;

/** A store with one release and a written build, copied for each kill. */
async function template(): Promise<(name: string) => string> {
  const root = temporaryFolder();
  const first = join(root, "first");
  mkdirSync(first);
  await publish(storeIn(first), rowsBuild(1));
  await writeRows(await beginBuild(storeIn(first)), 2);
  return (name) => {
    const folder = join(root, name);
    cpSync(first, folder, { recursive: true, preserveTimestamps: true });
    return folder;
  };
}

async function killed(folder: string, body: string, at: string): Promise<void> {
  const child = startOperation(folder, body, { LOCKKEEPER_FAILPOINTS: `${at}=kill` });
  expect({ at, ended: await child.ended, said: child.stdout() }).toMatchObject({ at, ended: { signal: "SIGKILL" } });
  const { complaints } = await auditStore(folder, { acknowledged: 1 });
  expect([at, complaints]).toEqual([at, []]);
}

test("a commit killed at any step goes on with the next commit: one release, told once, nothing left", async () => {
  const copy = await template();
  // Every failpoint: test/proof/faults/kills.proof.ts.
  const points = ["install.recorded", "install.done", "switch.done", "commit.finished"];
  await inParallel(points, 2, async (at) => {
    const folder = copy(at);
    const store = storeIn(folder);
    await killed(folder, `${id} return commitBuild(store, id);`, at);
    const [build] = readdirSync(store.paths.builds);
    expect({ at, ...(await commitBuild(store, build ?? "")) }).toMatchObject({
      at,
      outcome: "switched",
      version: 2,
      build,
      tables: [{ rows: 2 }],
    });
    const { complaints } = await auditStore(folder, { acknowledged: 2, clean: true });
    expect([at, complaints]).toEqual([at, []]);
    expect(await rollback(store)).toMatchObject({ release: "r000001", version: 3 });
  });
});

test.each(["slots", "releases"] as const)(
  "layout %s: the folder of a committed build that a power cut brings back, its data at both names: no second release; other data is one",
  async (layout) => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout });
    await publish(store, rowsBuild(1));
    const build = await beginBuild(store);
    await writeRows(build, 2);
    const aside = join(temporaryFolder(), "build");
    cpSync(build.dir, aside, { recursive: true });
    rmSync(join(aside, "DB.duckdb"));
    const out = await commitBuild(store, build.build);
    const { release = "", version = 0 } = out;
    cpSync(aside, build.dir, { recursive: true });
    linkSync(join(folder, layout === "slots" ? "DB_b.duckdb" : `releases/${release}/DB.duckdb`), build.path);
    expect(await commitBuild(store, build.build)).toMatchObject({ outcome: "switched", release, version });
    expect(manifestOf(folder)).toMatchObject({ release, version });
    expect(readdirSync(store.paths.builds)).toEqual([]);
    cpSync(aside, build.dir, { recursive: true });
    await writeRows(build, 3);
    expect(await commitBuild(store, build.build)).toMatchObject({ version: version + 1, tables: [{ rows: 3 }] });
  },
);

test("a commit that died after its switch, overtaken: the next commit tells what it came to, and changes nothing", async () => {
  const folder = (await template())("overtaken");
  const store = storeIn(folder);
  await killed(folder, `${id} return commitBuild(store, id);`, "switch.done");
  const [build = ""] = readdirSync(store.paths.builds);
  await publish(store, rowsBuild(3));
  expect(await commitBuild(store, build)).toMatchObject({ outcome: "switched", version: 2, release: "r000002" });
  expect((await auditStore(folder, { acknowledged: 3, clean: true })).active).toMatchObject({ version: 3 });
});

test("a commit that died before its switch, whose slot was given to another release since: there is nothing left to commit", async () => {
  const folder = (await template())("given away");
  const store = storeIn(folder);
  await killed(folder, `${id} return commitBuild(store, id);`, "install.done");
  const [build = ""] = readdirSync(store.paths.builds);
  await publish(store, rowsBuild(3));
  await publish(store, rowsBuild(4));
  await expect(commitBuild(store, build)).rejects.toMatchObject({ code: "BUILD_EMPTY" });
  await abortBuild(store, build);
  expect((await auditStore(folder, { acknowledged: 3, clean: true })).complaints).toEqual([]);
});

test("a begin, an abort and a sweep killed at any step: what they leave is whole, or goes with the next publish", async () => {
  const copy = await template();
  const cases = [
    ...["begin.made", "lease.written"].map((at) => ({ at, body: "return beginBuild(store);" })),
    ...["abort.claimed", "build.discarded"].map((at) => ({ at, body: `${id} return abortBuild(store, id);` })),
    ...["quarantine.moved"].map((at) => ({ at, body: `return beginBuild(${rebooted});` })),
    { at: "resume.renamed", body: `${id} return commitBuild(store, id);` },
  ];
  await inParallel(cases, 2, async ({ at, body }) => {
    const folder = copy(at);
    const store = storeIn(folder);
    const [first = ""] = readdirSync(store.paths.builds);
    if (at === "resume.renamed") await killed(folder, body, "install.done");
    await killed(folder, body, at);
    const { builds } = await listBuilds([store]);
    expect([at, builds.filter(({ state }) => state === "damaged")]).toEqual([at, []]);
    const kept = existsSync(join(store.paths.build(first), "DB.duckdb"));
    const quarantined = existsSync(join(store.paths.quarantine, first, "DB.duckdb"));
    expect([at, kept, quarantined]).toEqual([at, !/discarded|quarantine/.test(at), at.startsWith("quarantine")]);
    if (kept) await commitBuild(store, first);
    else await publish(store, rowsBuild(2));
    for (const { build, state } of (await listBuilds([store])).builds) if (state === "open") await abortBuild(store, build);
    const { complaints } = await auditStore(folder, { acknowledged: 2, clean: true });
    expect([at, complaints]).toEqual([at, []]);
    expect((await listBuilds([onMachine(store, {})])).builds).toEqual([]);
  });
});
