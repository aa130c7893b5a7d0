import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { listBuilds } from "../../../src/release/detached/list.ts";
import { renewBuild } from "../../../src/release/detached/renew.ts";
import { showRelease } from "../../../src/release/list.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { stoppedAt, stoppingAt } from "../../proof/signals/stopped.ts";
import {
  historyOf,
  manifestBytes,
  manifestOf,
  rowsBuild,
  startOperation,
  storeIn,
  valueIn,
  writeFromOutside,
} from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { leaseOnDisk, onMachine, writeLeaseFile, writeRows } from "./support.ts";

const layouts = ["slots", "releases"] as const;
const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);

describe.each(layouts)("layout %s", (layout) => {
  test("a build is begun, written, overtaken by a publish and a rollback, and committed on top of them", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout });
    await publish(store, rowsBuild(1));
    const build = await beginBuild(store, { label: "nightly" });
    expect(build).toMatchObject({ base: { release: "r000001", version: 1 }, environment: { DUCKDB_PATH: build.path } });
    await publish(store, rowsBuild(2));
    await writeRows(build, 3);
    writeFileSync(build.environment["LOCKKEEPER_MESSAGES"] ?? "", '{"type":"check","name":"own","status":"pass"}\n');
    await rollback(store);
    const result = await commitBuild(store, build.build);
    expect(result).toMatchObject({
      outcome: "switched",
      build: build.build,
      version: 4,
      previous: { release: "r000001", version: 3 },
    });
    expect(result.checks.at(-1)).toMatchObject({ name: "own", status: "pass" });
    const { release = "" } = result;
    expect(await showRelease(store, release)).toMatchObject({
      build: build.build,
      parent: "r000001",
      builder: { kind: "detached" },
    });
    const file = layout === "slots" ? `DB_${String(manifestOf(folder)["active"])}.duckdb` : `releases/${release}/DB.duckdb`;
    expect(await valueIn(join(folder, file), "SELECT count(*) FROM t")).toBe("3");
    expect(namesIn(store.paths.builds)).toEqual([]);
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({
      code: "BUILD_UNKNOWN",
      exit: 10,
      message: expect.stringContaining(`committed already, as ${release}`),
    });
  });
});

describe("a build that begins with a copy of what is active", () => {
  test("is written on, and committed while that is still active; after another boot, too, where the device has another number", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const build = await beginBuild(store, { base: "active" });
    expect(await valueIn(build.path, "SELECT count(*) FROM t")).toBe("1");
    await writeFromOutside(build.path, "INSERT INTO t VALUES (2)");
    const lease = leaseOnDisk(build);
    expect(lease.base).toMatchObject({ release: "r000001", copied: true });
    const identity = (lease.base?.identity ?? "").replace(/^\d+/, "99999");
    writeLeaseFile(build, JSON.stringify({ ...lease, base: { ...lease.base, identity } }));
    await expect(commitBuild(store, build.build, { dryRun: true })).resolves.toMatchObject({ outcome: "planned" });
    const result = await commitBuild(onMachine(store, { bootId: "another" }), build.build);
    expect(result).toMatchObject({ outcome: "switched", tables: [{ rows: 2 }] });
    expect(await showRelease(store, "r000002")).toMatchObject({ base: { release: "r000001", version: 1 } });
  });

  test("is refused where another release became active meanwhile, also by a rollback and back: exit 12, and it waits in quarantine", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await expect(beginBuild(store, { base: "active" })).rejects.toMatchObject({ code: "NO_RELEASE" });
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const build = await beginBuild(store, { base: "active" });
    await rollback(store);
    await rollback(store);
    const before = manifestBytes(folder);
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({ code: "BASE_MOVED", exit: 12 });
    expect(manifestBytes(folder)).toBe(before);
    expect(namesIn(join(store.paths.quarantine, build.build))).toContain("DB.duckdb");
    expect(historyOf(folder).at(-1)).toMatchObject({ type: "build.failed", build: build.build });
    expect(namesIn(store.paths.builds)).toEqual([]);
  });
});

test("several are open at once, beside a publish that runs; each knows only its own", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const publisher = startOperation(folder, "return publish(store, rowsBuild(1));", stoppingAt("build.begun"));
  await stoppedAt(publisher, "build.begun");
  const builds = [await beginBuild(store), await beginBuild(store)] as const;
  const states = (await listBuilds([store])).builds.map(({ build, state }) => [build, state]);
  expect(states).toEqual(
    expect.arrayContaining([...builds.map(({ build }) => [build, "open"]), [expect.any(String), "attached"]]),
  );
  await writeRows(builds[1], 4);
  expect(await commitBuild(store, builds[1].build)).toMatchObject({ outcome: "switched", version: 1 });
  publisher.process.kill("SIGCONT");
  expect(await publisher.line("result ")).toContain('"version":2');
  expect((await listBuilds([store])).builds).toMatchObject([{ build: builds[0].build, state: "open" }]);
  expect(await storeStatus(store)).toMatchObject({ status: "pass", builds: [{ build: builds[0].build, state: "open" }] });
});

test("a refused build goes to quarantine with its report, and the history tells of it", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { checks: [{ check: "rows", severity: "error", table: "t", min: 10 }] });
  const build = await beginBuild(store);
  await writeRows(build, 3);
  const result = await commitBuild(store, build.build);
  expect(result).toMatchObject({ outcome: "refused", build: build.build });
  expect(namesIn(result.quarantine ?? "")).toEqual(["DB.duckdb", "build.log", "lock", "report.json"]);
  expect(historyOf(folder)).toMatchObject([{ type: "release.refused", build: build.build }]);
  expect(existsSync(store.paths.manifest)).toBe(false);
  const again = expect.stringContaining("lies in quarantine: refused");
  await expect(commitBuild(store, build.build)).rejects.toMatchObject({ code: "BUILD_UNKNOWN", message: again });
});

describe("a commit that fails leaves the build where it is", () => {
  test("nothing written yet, a writer still inside, a log that is left: each once more, when it is mended", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const build = await beginBuild(store);
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({ code: "BUILD_EMPTY", exit: 1 });
    const instance = await DuckDBInstance.create(build.path);
    try {
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT 1 AS n");
      connection.closeSync();
      const other = startOperation(folder, `return commitBuild(store, "${build.build}");`);
      expect(await other.line("error ")).toContain("BUILD_UNFINISHED");
    } finally {
      instance.closeSync();
    }
    expect(historyOf(folder).map(({ type }) => type)).toEqual(["build.failed", "build.failed"]);
    expect(await commitBuild(store, build.build)).toMatchObject({ outcome: "switched", version: 1 });
  });

  test("a manifest that was deleted or is another program's: exit 12, and after an adoption it is committed", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const build = await beginBuild(store);
    await writeRows(build, 2);
    const manifest = manifestBytes(folder);
    rmSync(store.paths.manifest);
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({ code: "MANIFEST_GONE", exit: 12 });
    await expect(beginBuild(store)).rejects.toMatchObject({ code: "MANIFEST_GONE" });
    writeFileSync(store.paths.manifest, '{"active":"a","version":7}');
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({ code: "FOREIGN_MANIFEST", exit: 12 });
    expect(existsSync(build.path)).toBe(true);
    writeFileSync(store.paths.manifest, manifest);
    expect(await commitBuild(store, build.build)).toMatchObject({ outcome: "switched", version: 2 });
  });

  test("a basename that was changed since: views in the file name the old one", async () => {
    const folder = temporaryFolder();
    const build = await beginBuild(storeIn(folder));
    await writeRows(build, 2);
    const renamed = storeIn(folder, { basename: "OTHER" });
    await expect(commitBuild(renamed, build.build)).rejects.toMatchObject({ code: "CONFIG_INVALID", exit: 2 });
    expect(await commitBuild(storeIn(folder), build.build)).toMatchObject({ outcome: "switched" });
  });

  test("an interruption; then another machine's clock and boot are no obstacle: an expired lease commits while its folder is there", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const build = await beginBuild(store);
    await writeRows(build, 2);
    const interrupt = new AbortController();
    const options = {
      signal: interrupt.signal,
      onProgress: ({ kind, phase }: { kind: string; phase?: string }) =>
        kind === "phase" && phase === "install" && interrupt.abort(),
    };
    await expect(commitBuild(store, build.build, options as never)).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(existsSync(build.path)).toBe(true);
    const rebooted = onMachine(store, { bootId: "another", now: "1999-01-01T00:00:00Z" });
    expect((await listBuilds([rebooted])).builds).toMatchObject([{ state: "expired" }]);
    expect(await commitBuild(rebooted, build.build)).toMatchObject({ outcome: "switched", version: 1 });
    expect(await showRelease(store, "r000001")).toMatchObject({ builder: { kind: "detached", durationMs: 0 } });
  });
});

test("two commits at once: one wins, the other is locked out with the owner's name, or told what became of it", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const build = await beginBuild(store);
  await writeRows(build, 2);
  const first = startOperation(folder, `return commitBuild(store, "${build.build}");`, stoppingAt("seal.synced"));
  await stoppedAt(first, "seal.synced");
  expect((await listBuilds([store])).builds).toMatchObject([{ state: "busy" }]);
  const refused = { code: "BUILD_LOCKED", exit: 11, holder: { pid: first.pid } };
  await expect(commitBuild(store, build.build)).rejects.toMatchObject(refused);
  const late = commitBuild(store, build.build, {
    waitMs: 60_000,
    onProgress: (event) => void (event.kind === "waiting" && first.process.kill("SIGCONT")),
  });
  await expect(late).rejects.toMatchObject({ code: "BUILD_UNKNOWN", message: expect.stringContaining("as r000001") });
  expect(await first.line("result ")).toContain('"version":1');
  expect(historyOf(folder)).toHaveLength(1);
});

describe("abort and renew", () => {
  test("an abort removes the folder and tells why; a second one is told that there is none", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const build = await beginBuild(store);
    await writeRows(build, 2);
    expect(await abortBuild(store, build.build, { dryRun: true })).toMatchObject({ state: "open" });
    expect(await abortBuild(store, build.build, { reason: "no input" })).toMatchObject({ state: "aborted", build: build.build });
    expect(namesIn(store.paths.builds)).toEqual([]);
    expect(namesIn(store.paths.trash)).toEqual([]);
    expect(historyOf(folder)).toMatchObject([{ type: "build.failed", build: build.build, detail: "aborted: no input" }]);
    const unknown = { code: "BUILD_UNKNOWN", exit: 10 };
    for (const action of [abortBuild, commitBuild, renewBuild]) {
      await expect(action(store, build.build)).rejects.toMatchObject(unknown);
      await expect(action(store, "../../..")).rejects.toMatchObject(unknown);
    }
    await expect(abortBuild(store, build.build, { reason: " " })).rejects.toMatchObject({ code: "USAGE" });
  });

  test("a renewal lets the lease begin anew, with another length where one is said; the build of a publish has none", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const build = await beginBuild(store, { leaseMs: 60_000 });
    const before = leaseOnDisk(build);
    const late = onMachine(store, { laterMs: 120_000 });
    expect((await listBuilds([late])).builds).toMatchObject([{ state: "expired" }]);
    await renewBuild(late, build.build);
    expect((await listBuilds([late])).builds).toMatchObject([{ state: "open" }]);
    expect(await renewBuild(late, build.build, { leaseMs: 3_600_000 })).toMatchObject({ leaseMs: 3_600_000, build: build.build });
    const { renewed: _r, expiresAt: _e, leaseMs, ...rest } = leaseOnDisk(build);
    expect({ leaseMs, rest }).toMatchObject({ leaseMs: 3_600_000, rest: { started: before.started, owner: before.owner } });
    for (const bad of [0, 999, 1.5, Number.NaN, 1e15]) {
      await expect(beginBuild(store, { leaseMs: bad })).rejects.toMatchObject({ code: "USAGE" });
      await expect(renewBuild(store, build.build, { leaseMs: bad })).rejects.toMatchObject({ code: "USAGE" });
    }
    expect(readdirSync(store.paths.builds)).toEqual([build.build]);
    expect(readFileSync(join(build.dir, "lock"), "utf8")).toContain(`"purpose":"renew ${build.build}"`);
  });
});
