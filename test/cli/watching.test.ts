import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { storeEventSchema } from "../../src/model/events.ts";
import { locksResultSchema, storeFreshnessSchema } from "../../src/model/results.ts";
import { publish } from "../../src/release/publish.ts";
import { distUrl, startScript, type Child } from "../support/child.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { errorOf, etl, jsonOf, runCli, startCli, workspaceFolder } from "./support/cli.ts";

const word = <Name extends string>(name: Name) => ({ schema: z.literal(`lockkeeper/${name}@1` as const) });
const freshnessDocument = z.object({ stores: z.array(storeFreshnessSchema) }).extend(word("freshness"));
const locksDocument = locksResultSchema.extend(word("locks"));

/** Publishes from this process; what is tested runs in others. */
async function publishRows(cwd: string, name = "holdings"): Promise<void> {
  const store = name === "holdings" ? storeIn(join(cwd, "data")) : storeIn(join(cwd, name), { name });
  expect(await publish(store, rowsBuild(1))).toMatchObject({ outcome: "switched" });
}

/** A workspace with a second store, `prices`. */
function twoStores(): string {
  return workspaceFolder('[stores.prices]\nkind = "release"\ndir = "prices"\nlayout = "slots"\n');
}

async function eventsOf(cwd: string, ...words: string[]) {
  const { code, stdout, stderr } = await runCli(["--json", "events", ...words], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout.split("\n").filter(Boolean);
  return lines.map((line) => storeEventSchema.parse(JSON.parse(line)));
}

function follow(cwd: string, ...words: string[]): Child {
  return startCli(["--json", "events", "--follow", ...words], { cwd });
}

describe("events", () => {
  it("--json is one event a line and no document around them; without a history it is nothing", async () => {
    const cwd = workspaceFolder();
    expect(await eventsOf(cwd)).toEqual([]);
    await publishRows(cwd);
    await publishRows(cwd);
    expect((await runCli(["rollback", "holdings", "--reason", "wrong prices"], { cwd })).code).toBe(0);
    const events = await eventsOf(cwd, "holdings");
    expect(events.map(({ id, release, version, reason, note }) => [id, release, version, reason, note])).toEqual([
      [1, "r000001", 1, "publish", undefined],
      [2, "r000002", 2, "publish", undefined],
      [3, "r000001", 3, "rollback", "wrong prices"],
    ]);
    expect(await eventsOf(cwd, "holdings", "--after", "2")).toEqual(events.slice(2));
    expect(await eventsOf(cwd, "--after", "3")).toEqual([]);
    const { stdout } = await runCli(["events", "--after", "1"], { cwd });
    expect(stdout).toMatch(/^\S+Z {2}holdings {2}#2 {2}published r000002 \(version 2\), before it was r000001 \(version 1\)\n/);
    expect(stdout).toMatch(/ #3 {2}rolled back to r000001 \(version 3\), before it was r000002 \(version 2\): wrong prices\n$/);
  });

  it("what is wrong with a store or an id is an error with nothing on stdout", async () => {
    const cwd = twoStores();
    await publishRows(cwd);
    expect(await errorOf(["events", "holding"], { cwd })).toMatchObject({ code: "STORE_UNKNOWN", exit: 10 });
    expect(await errorOf(["events", "holdings", "--after", "two"], { cwd })).toMatchObject({ code: "USAGE", exit: 2 });
    expect(await errorOf(["events", "holdings", "--after", "2"], { cwd })).toMatchObject({ code: "USAGE", exit: 2 });
    expect(await errorOf(["events", "--after", "1"], { cwd })).toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("holdings, prices"),
    });
  });

  it("a broken line is told on stderr with its number, and no other line is lost", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd);
    const history = join(cwd, "data/.lockkeeper/history.jsonl");
    const line = readFileSync(history, "utf8");
    appendFileSync(history, `half a line\n${line.replace('"id":1', '"id":2')}`);
    const { code, stdout, stderr } = await runCli(["--json", "events"], { cwd });
    expect(code).toBe(0);
    expect(stdout.match(/"id":\d/g)).toEqual(['"id":1', '"id":2']);
    expect(stderr).toBe(`warning holdings: line 2 of ${history}: not whole, left out\n`);
    expect((await runCli(["--quiet", "events"], { cwd })).stderr).toBe("");
  });

  it("--follow tells what other processes do, in every store, until Ctrl-C, and says how to go on", async () => {
    const cwd = twoStores();
    const all = follow(cwd);
    const one = follow(cwd, "prices");
    for (const store of ["holdings", "prices", "prices"]) await publishRows(cwd, store);
    await all.line('{"id":1,"type":"release.switched","store":"holdings"');
    for (const child of [all, one]) {
      await child.line('{"id":1,"type":"release.switched","store":"prices"');
      await child.line('{"id":2,"type":"release.switched","store":"prices"');
    }
    all.process.kill("SIGTERM");
    expect(await all.ended).toEqual({ code: 143, signal: null });
    one.process.kill("SIGINT");
    expect(await one.ended).toEqual({ code: 130, signal: null });
    const { error } = JSON.parse(one.stderr()) as { error: object };
    expect(error).toMatchObject({
      code: "INTERRUPTED",
      exit: 130,
      hint: "`lockkeeper events prices --follow --after 2` goes on from here.",
    });
    await publishRows(cwd, "prices");
    const on = follow(cwd, "prices", "--after", "2");
    await on.line('{"id":3,');
    on.process.kill("SIGINT");
    await on.ended;
    expect(on.stdout().match(/"id":\d/g)).toEqual(['"id":3']);
  });

  it("--follow ends quietly when nobody reads it any more (EPIPE)", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd);
    const child = follow(cwd);
    await child.line('{"id":1,');
    child.process.stdout?.destroy();
    await publishRows(cwd);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.stderr()).toBe("");
  });

  it("an event's texts cannot steer a terminal", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd);
    await publishRows(cwd);
    await runCli(["rollback", "holdings", "--reason", "a\u001b[2Jb\nc"], { cwd });
    const { stdout } = await runCli(["events", "--after", "2"], { cwd });
    expect(stdout).toContain(String.raw`: a\u001b[2Jb\nc`);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  });

  it("a switch of another program is told, and refused and failed builds", async () => {
    const cwd = workspaceFolder('checks = [{ check = "rows", table = "t", min = 2 }]\n');
    await runCli(["publish", "holdings", "--", ...etl("1")], { cwd });
    await runCli(["publish", "holdings", "--", ...etl("1", "fail")], { cwd });
    writeFileSync(join(cwd, "data/db_manifest.json"), '{"active": "a", "version": 4}');
    expect(await eventsOf(cwd)).toMatchObject([
      { id: 1, type: "release.refused" },
      { id: 2, type: "build.failed" },
      { id: expect.stringMatching(/^2\+/), reason: "foreign", release: "v4-a" },
    ]);
    const { stdout } = await runCli(["events"], { cwd });
    expect(stdout).toMatch(/#1 {2}refused build [0-9a-f]+: .*\n.*#2 {2}failed build [0-9a-f]+: .*exited with code 4.*\n/);
    expect(stdout).toMatch(/ #2\+[0-9a-f]{12} {2}switched by another program to v4-a \(version 4\)\n$/);
  });
});

describe("freshness", () => {
  it("exit 0 with the age, exit 3 when late, in both forms", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd);
    const fresh = await jsonOf(["freshness", "--max-age", "26h"], { cwd });
    expect(fresh.code).toBe(0);
    expect(freshnessDocument.parse(fresh.document).stores).toMatchObject([
      { store: "holdings", status: "pass", release: "r000001", version: 1, maxAgeMs: 93_600_000, detail: [] },
    ]);
    const late = await jsonOf(["freshness", "holdings", "--max-age", "1ms"], { cwd });
    expect(late.code).toBe(3);
    expect(freshnessDocument.parse(late.document).stores).toMatchObject([
      { status: "fail", detail: [expect.stringMatching(/^late: /)] },
    ]);
    const text = await runCli(["freshness", "--max-age", "1ms"], { cwd });
    expect(text).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/holdings +fail +r000001 +1 +\S+Z .*\n\nholdings: late: .*more than 1ms\n$/),
    });
  });

  it("one store that has no release is a finding of its own; others are told beside it", async () => {
    const cwd = twoStores();
    await publishRows(cwd);
    const all = await jsonOf(["freshness"], { cwd });
    expect(all.code).toBe(3);
    expect(freshnessDocument.parse(all.document).stores).toMatchObject([{ status: "pass" }, { store: "prices", status: "fail" }]);
    expect((await jsonOf(["freshness", "holdings"], { cwd })).code).toBe(0);
    expect(await errorOf(["freshness", "nobody"], { cwd })).toMatchObject({ code: "STORE_UNKNOWN", exit: 10 });
    for (const age of ["26", "-1h", "a day"]) {
      expect(await errorOf(["freshness", `--max-age=${age}`], { cwd })).toMatchObject({ code: "USAGE", subject: "--max-age" });
    }
  });
});

describe("locks", () => {
  it("names the builder and the reader, in both forms", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd);
    const reader = startScript(`
      import { openReader } from ${JSON.stringify(distUrl("workspace/open-reader.js"))};
      await openReader({ dir: ${JSON.stringify(join(cwd, "data"))} });
      console.log("open");
      process.stdin.resume();
    `);
    await reader.line("open");
    const { code, document } = await jsonOf(["locks"], { cwd });
    expect(code).toBe(0);
    const { locks, pins } = locksDocument.parse(document);
    expect(locks.map(({ lock }) => lock)).toEqual(["writer", "build"]);
    const { stdout } = await runCli(["locks"], { cwd });
    expect(stdout).toMatch(/^store +lock +state +held by +since\nholdings +writer +/);
    if (process.platform !== "linux") return;
    expect(pins).toMatchObject([{ store: "holdings", release: "r000001", readers: 1, processes: [{ pid: reader.pid }] }]);
    expect(stdout).toMatch(
      new RegExp(`holdings +build +free +- +-\n\nstore +pin +readers +read by\nholdings +r000001 +1 +process ${reader.pid} \\(`),
    );
  });
});
