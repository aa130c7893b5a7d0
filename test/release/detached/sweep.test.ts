import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { abortBuild } from "../../../src/release/detached/abort.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { listBuilds } from "../../../src/release/detached/list.ts";
import { storeLocks } from "../../../src/release/locks.ts";
import { publish } from "../../../src/release/publish.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { startScript } from "../../support/child.ts";
import { historyOf, rowsBuild, storeIn } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { leaseOnDisk, listener, onMachine, writeLeaseFile, writeRows, type MachineState } from "./support.ts";

const day = 24 * 3_600_000;

async function begun(options: Parameters<typeof beginBuild>[1] = {}) {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const build = await beginBuild(store, options);
  await writeRows(build, 2);
  return { folder, store, build };
}

test.each<[string, MachineState]>([
  ["the clock jumped a year ahead", { now: "2027-12-01T00:00:00Z" }],
  ["the clock jumped back", { now: "1999-01-01T00:00:00Z" }],
  ["an hour is left", { laterMs: day - 3_600_000 }],
])("a lease in force keeps a build whoever sweeps: %s", async (_, machine) => {
  const { store, build } = await begun();
  const there = onMachine(store, machine);
  await publish(there, rowsBuild(1));
  await beginBuild(there);
  expect((await listBuilds([there])).builds.find(({ build: id }) => id === build.build)).toMatchObject({ state: "open" });
  expect(await commitBuild(there, build.build)).toMatchObject({ outcome: "switched", version: 2 });
});

describe("an expired lease", () => {
  test.each<[string, MachineState, string]>([
    ["its time is over", { laterMs: day }, "for 1d"],
    ["the machine was started anew", { bootId: "another" }, "before the machine was started anew"],
  ])("%s: the next one who begins moves the build into quarantine, whole, with a report", async (_, machine, detail) => {
    const { folder, store, build } = await begun();
    mkdirSync(join(build.dir, "parquet"));
    writeFileSync(join(build.dir, "parquet/part.txt"), "of the build");
    const there = onMachine(store, machine);
    const { told, onProgress } = listener();
    const next = await beginBuild(there, { onProgress });
    expect(told).toEqual([expect.stringContaining(`moved build ${build.build}, whose lease expired`)]);
    expect(readdirSync(store.paths.builds)).toEqual([next.build]);
    const quarantined = join(store.paths.quarantine, build.build);
    const report = JSON.parse(readFileSync(join(quarantined, "report.json"), "utf8")) as Record<string, unknown>;
    expect(report).toMatchObject({ build: build.build, outcome: "expired", detail: expect.stringContaining("lease expired") });
    expect(report["detail"]).toContain(detail);
    expect(readFileSync(join(quarantined, "parquet/part.txt"), "utf8")).toBe("of the build");
    expect(existsSync(join(quarantined, "DB.duckdb"))).toBe(true);
    expect(historyOf(folder)).toMatchObject([{ type: "build.failed", build: build.build, detail: report["detail"] }]);
    await expect(commitBuild(there, build.build)).rejects.toMatchObject({
      code: "BUILD_UNKNOWN",
      message: expect.stringContaining("lease expired"),
    });
  });

  test("a publish and a commit sweep, too", async () => {
    const { store, build } = await begun();
    const other = await beginBuild(store, { leaseMs: 10 * day });
    await writeRows(other, 3);
    const there = onMachine(store, { laterMs: day });
    await commitBuild(there, other.build);
    expect(readdirSync(store.paths.quarantine)).toEqual([build.build]);
    const third = await beginBuild(store);
    await publish(there, rowsBuild(1));
    expect(readdirSync(store.paths.quarantine).toSorted()).toEqual([build.build, third.build].toSorted());
  });

  test("FACTS 5: a folder in which somebody has a file locked stays, whatever its lease says", async () => {
    const { store, build } = await begun();
    const writer = startScript(`
      import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
      const instance = await DuckDBInstance.create(${JSON.stringify(build.path)});
      console.log("inside");
      process.stdin.once("data", () => { instance.closeSync(); console.log("out"); process.stdin.pause(); });
    `);
    await writer.line("inside");
    const there = onMachine(store, { bootId: "another" });
    await publish(there, rowsBuild(1));
    expect(existsSync(build.path)).toBe(true);
    writer.send("go");
    await writer.line("out");
    await publish(there, rowsBuild(1));
    expect(readdirSync(store.paths.builds)).toEqual([]);
  });

  test("messages since the lease was written renew it when somebody looks; without new ones it expires again", async () => {
    const { store, build } = await begun();
    const before = leaseOnDisk(build);
    appendFileSync(build.environment["LOCKKEEPER_MESSAGES"] ?? "", '{"type":"progress","fraction":0.5}\n');
    const later = onMachine(store, { laterMs: 3 * day });
    expect((await listBuilds([later])).builds).toMatchObject([{ state: "open" }]);
    expect(leaseOnDisk(build)).toEqual(before);
    await publish(later, rowsBuild(1));
    expect(leaseOnDisk(build).renewed.uptimeMs).toBeGreaterThan(before.renewed.uptimeMs + 2 * day);
    await publish(onMachine(store, { laterMs: 3.5 * day }), rowsBuild(1));
    expect(existsSync(build.path)).toBe(true);
    await publish(onMachine(store, { laterMs: 4.5 * day }), rowsBuild(1));
    expect(existsSync(build.path)).toBe(false);
  });
});

describe("a lease that cannot be read: nobody sweeps the build, all are told, and abort removes it", () => {
  test.each<[string, (build: { dir: string }, outside: string) => void]>([
    ["garbage", (build) => writeLeaseFile(build, "\u0000lease\u0000")],
    ["empty", (build) => writeLeaseFile(build, "")],
    ["64 KiB too long", (build) => writeLeaseFile(build, Buffer.alloc(65 * 1024, " "))],
    ["another build's", (build) => writeLeaseFile(build, JSON.stringify({ ...leaseOnDisk(build), build: "ffffffffffff" }))],
    [
      "a path out of the folder",
      (build) => writeLeaseFile(build, JSON.stringify({ ...leaseOnDisk(build), basename: "../../../x" })),
    ],
    ["of a newer version", (build) => writeLeaseFile(build, JSON.stringify({ ...leaseOnDisk(build), formatVersion: 99 }))],
    [
      "a symbolic link to a good one",
      (build, outside) => {
        writeFileSync(join(outside, "lease.json"), readFileSync(join(build.dir, "lease.json")));
        rmSync(join(build.dir, "lease.json"));
        symlinkSync(join(outside, "lease.json"), join(build.dir, "lease.json"));
      },
    ],
    [
      "a folder",
      (build) => {
        rmSync(join(build.dir, "lease.json"));
        mkdirSync(join(build.dir, "lease.json"));
      },
    ],
  ])("%s", async (_, spoil) => {
    const { folder, store, build } = await begun();
    spoil(build, folder);
    const { told, onProgress } = listener();
    const there = onMachine(store, { bootId: "another" });
    await publish(there, rowsBuild(1), { onProgress });
    expect(told).toEqual([expect.stringContaining(`lockkeeper build abort ${build.build}`)]);
    expect(existsSync(build.path)).toBe(true);
    expect((await listBuilds([store])).builds).toMatchObject([
      { state: "damaged", detail: expect.stringContaining("lease.json") },
    ]);
    expect(await storeStatus(store)).toMatchObject({ status: "warn", detail: [expect.stringContaining("lease.json")] });
    expect((await storeLocks([store])).locks.at(-1)).toMatchObject({ build: build.build, lease: { state: "damaged" } });
    await expect(commitBuild(store, build.build)).rejects.toMatchObject({
      code: expect.stringMatching(/LEASE_INVALID|FORMAT_UNSUPPORTED/),
    });
    expect(existsSync(build.path)).toBe(true);
    await abortBuild(store, build.build);
    expect(readdirSync(store.paths.builds)).toEqual([]);
  });
});

test("what a begin that was cut off leaves goes with the next one; what may be another publisher's stays until the build lock is held", async () => {
  const { store, build } = await begun();
  const folders = ["aaaaaaaaaaa0", "aaaaaaaaaaa1", "aaaaaaaaaaa2"].map((id) => store.paths.build(id)) as [string, string, string];
  for (const folder of folders) mkdirSync(folder);
  for (const folder of folders.slice(1)) writeFileSync(join(folder, "lock"), "");
  writeFileSync(join(folders[1], ".lease.json.0123456789ab.tmp"), "{");
  writeFileSync(join(folders[2], "build.log"), "");
  const next = await beginBuild(store);
  const left = [build.build, next.build, "aaaaaaaaaaa2"].toSorted();
  expect(readdirSync(store.paths.builds)).toEqual(left);
  await publish(store, rowsBuild(1));
  expect(readdirSync(store.paths.builds)).toEqual(left.filter((id) => id !== "aaaaaaaaaaa2"));
});
