import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodePlatform } from "../../src/platform/node.ts";
import type { FileSystem } from "../../src/platform/port.ts";
import { followMessages } from "../../src/release/build/messages.ts";
import { Reported, reportedMax, watermarksMax } from "../../src/release/build/reported.ts";
import { publish } from "../../src/release/publish.ts";
import type { BuildSource, ProgressEvent } from "../../src/release/store.ts";
import { rowsBuild, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** A command that writes a database, and `script` into the messages file: `say(text)` appends, `file` is its path. */
const command = (script: string): BuildSource => ({
  kind: "command",
  argv: [
    process.execPath,
    "-e",
    `const fs = require("node:fs");
     const file = process.env.LOCKKEEPER_MESSAGES;
     const say = (text) => fs.appendFileSync(file, text);
     const line = (value) => say(JSON.stringify(value) + "\\n");
     const { DuckDBInstance } = require("@duckdb/node-api");
     (async () => {
       const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
       const connection = await instance.connect();
       await connection.run("CREATE TABLE t AS SELECT 1 AS n");
       connection.closeSync();
       instance.closeSync();
       ${script}
     })();`,
  ],
  folder: process.cwd(),
});

/** Files of which one is changed just before it is opened for the second time. */
function changing(files: FileSystem, path: string, change: (path: string) => void): FileSystem {
  let opened = 0;
  return {
    ...files,
    async open(name, mode, permissions) {
      if (name === path && ++opened === 2) change(path);
      return files.open(name, mode, permissions);
    },
  };
}

async function published(script: string) {
  const events: ProgressEvent[] = [];
  const folder = temporaryFolder();
  const result = await publish(storeIn(folder), command(script), { onProgress: (event) => void events.push(event) });
  const own = result.checks.filter(({ check }) => check === "reported" || check === "messages");
  const warnings = events.flatMap((event) => (event.kind === "warning" ? [event.detail] : []));
  return { folder, result, own, warnings, events };
}

describe("checks that the build reports", () => {
  test("join ours in the result and in the release record", async () => {
    const { folder, result, own, warnings, events } = await published(`
      line({ type: "check", name: "balance", status: "pass", observed: 0, expected: 0, message: "sums agree", table: "t" });
      line({ type: "check", name: "late", status: "fail", severity: "warn", column: "n", sql: "SELECT 1" });
      line({ type: "check", name: "other", status: "skip" });`);
    expect(result.outcome).toBe("switched");
    expect(own).toEqual([
      {
        name: "balance",
        check: "reported",
        severity: "error",
        status: "pass",
        table: "t",
        observed: "0",
        expected: "0",
        message: "sums agree",
      },
      {
        name: "late",
        check: "reported",
        severity: "warn",
        status: "fail",
        column: "n",
        observed: "fail",
        expected: "pass",
        message: "the build says that it fails",
        sql: "SELECT 1",
      },
      expect.objectContaining({ name: "other", status: "skip" }),
    ]);
    expect(warnings).toEqual([]);
    expect(events).toContainEqual({ kind: "message", message: expect.objectContaining({ type: "check", name: "balance" }) });
    const record = JSON.parse(readFileSync(join(folder, ".lockkeeper/records/r000001.json"), "utf8")) as { checks: unknown[] };
    expect(record.checks).toEqual(result.checks);
  });

  test("one that failed refuses the build, which is kept with its report", async () => {
    const { result, own } = await published(
      `line({ type: "check", name: "balance", status: "fail", observed: 3, expected: "0 rows", table: "t" });`,
    );
    expect(result.outcome).toBe("refused");
    expect(own).toMatchObject([{ name: "balance", status: "fail", message: "the build says that it fails: 3; expected 0 rows" }]);
    const report = JSON.parse(readFileSync(join(result.quarantine ?? "", "report.json"), "utf8")) as { checks: unknown[] };
    expect(report.checks).toEqual(result.checks);
  });

  test("of a build that failed are in its report", async () => {
    const folder = temporaryFolder();
    await expect(
      publish(storeIn(folder), command(`line({ type: "check", name: "balance", status: "fail" }); process.exit(1);`)),
    ).rejects.toMatchObject({
      code: "BUILD_FAILED",
    });
    const [kept = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
    const report = JSON.parse(readFileSync(join(folder, ".lockkeeper/quarantine", kept, "report.json"), "utf8")) as {
      checks: unknown[];
    };
    expect(report.checks).toMatchObject([{ name: "balance", status: "fail" }]);
  });

  test("a build function reports through its context; a malformed message is an error of the build", async () => {
    const build = (message: unknown): BuildSource => ({
      kind: "function",
      async build(context) {
        context.message(message as Parameters<typeof context.message>[0]);
        await writeDatabase(context.path, "CREATE TABLE t AS SELECT 1 AS n");
      },
    });
    const refused = await publish(storeIn(temporaryFolder()), build({ type: "check", name: "balance", status: "fail" }));
    expect(refused).toMatchObject({ outcome: "refused" });
    await expect(
      publish(storeIn(temporaryFolder()), build({ type: "check", name: "balance", status: "failed" })),
    ).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("status"),
    });
  });

  test("a build that says nothing has no result more", async () => {
    const { checks } = await publish(storeIn(temporaryFolder()), rowsBuild(1));
    expect(checks.some(({ check }) => check === "messages" || check === "reported")).toBe(false);
  });
});

describe("messages that cannot be read are told, never dropped", () => {
  test.each([
    ["text that is no JSON", `say("half way\\n");`, "warn", "line 1 is not JSON: half way"],
    ["an unknown type", `line({ type: "measure" });`, "warn", "line 1: unknown type"],
    ["no type", `line([1]);`, "warn", "line 1: "],
    ["a check without a name", `line({ type: "check", status: "fail" });`, "error", "line 1: name: "],
    ["a check with another status", `line({ type: "check", name: "x", status: "error" });`, "error", "line 1: status: "],
    ["a check that is cut off", `say('{"type": "check", "name": "x", "sta');`, "error", "line 1 is not JSON"],
    ["a line that is too long", `line({ type: "log", text: "x".repeat(70000) });`, "error", "line 1 has 70"],
    ["a folder in its place", `fs.mkdirSync(file);`, "error", "LOCKKEEPER_MESSAGES"],
    ["a link in its place", `fs.symlinkSync("/etc/hostname", file);`, "error", "LOCKKEEPER_MESSAGES"],
  ])("%s", async (...[, script, severity, text]) => {
    const { result, own, warnings } = await published(script);
    expect(own[0]).toMatchObject({ name: "messages", status: "fail", severity, message: expect.stringContaining(text) });
    expect(result.outcome).toBe(severity === "error" ? "refused" : "switched");
    expect(warnings[0]).toContain(text);
  });

  test.each<[string, (path: string) => void]>([
    ["cut short", (path) => writeFileSync(path, "")],
    ["removed", (path) => rmSync(path)],
  ])("a file that is %s instead of appended to; what was read of it counts", async (text, change) => {
    const path = join(temporaryFolder(), "messages.jsonl");
    writeFileSync(path, `${JSON.stringify({ type: "check", name: "a", status: "pass" })}\n`);
    const node = nodePlatform();
    let tick = () => {};
    const every = (_: number, action: () => void) => {
      tick = action;
      return () => {};
    };
    const files = changing(node.files, path, change);
    const reported = new Reported({});
    const stop = followMessages({ ...node, files, clock: { ...node.clock, every } }, path, reported);
    tick();
    await stop();
    expect(reported.results()).toMatchObject([
      { name: "messages", severity: "error", message: expect.stringContaining(text) },
      { name: "a" },
    ]);
  });

  test("many are counted, some are named", async () => {
    const { own, warnings } = await published(`say("not JSON\\n".repeat(500));`);
    expect(own).toMatchObject([
      { observed: "500 malformed", message: expect.stringMatching(/^line 1 .*line 3 .*; and 497 more$/) },
    ]);
    expect(warnings).toHaveLength(20);
  });

  test("good lines beside a bad one count, and a last line without its line feed", async () => {
    const { own } = await published(
      `say("oops\\n\\n"); line({ type: "check", name: "a", status: "pass" }); say('{"type":"check","name":"b","status":"pass"}');`,
    );
    expect(own.map(({ name }) => name)).toEqual(["messages", "a", "b"]);
  });

  test("more than one look reads, with characters across its end: nothing is lost", async () => {
    const { own, warnings, events } = await published(`
      for (let index = 0; index < 12000; index += 1) line({ type: "log", text: "é".repeat(30 + (index % 7)) });
      line({ type: "check", name: "last", status: "pass" });`);
    expect(own.map(({ name }) => name)).toEqual(["last"]);
    expect(warnings).toEqual([]);
    const texts = events.flatMap((event) =>
      event.kind === "message" && event.message.type === "log" ? [event.message.text ?? ""] : [],
    );
    expect(texts).toHaveLength(12_000);
    expect(texts.every((text) => /^é+$/.test(text))).toBe(true);
  });

  test("more checks than a build may report refuse it", async () => {
    const { result, own } = await published(
      `for (let index = 0; index <= ${reportedMax}; index += 1) line({ type: "check", name: "c" + index, status: "pass" });`,
    );
    expect(result.outcome).toBe("refused");
    expect(own).toHaveLength(reportedMax + 1);
    expect(own[0]).toMatchObject({
      name: "messages",
      severity: "error",
      message: expect.stringContaining(`c${reportedMax} is one more`),
    });
  });
});

describe("watermarks that the build reports", () => {
  const recordIn = (folder: string) =>
    JSON.parse(readFileSync(join(folder, ".lockkeeper/records/r000001.json"), "utf8")) as Record<string, unknown>;

  test("are in the release record, of each name the last; a malformed one is told and refuses nothing", async () => {
    const { folder, result, own, warnings } = await published(`
      line({ type: "watermark", name: "filings", value: "2026-11-19" });
      line({ type: "watermark", name: "offset", value: 48210 });
      line({ type: "watermark", value: "tomorrow" });
      line({ type: "watermark", name: "filings", value: "2026-11-20" });`);
    expect(result.outcome).toBe("switched");
    expect(recordIn(folder)["watermarks"]).toEqual([
      { name: "filings", value: "2026-11-20" },
      { name: "offset", value: "48210" },
    ]);
    expect(own).toMatchObject([{ check: "messages", severity: "warn", status: "fail", observed: "1 malformed" }]);
    expect(warnings).toEqual([expect.stringContaining("line 3: value: of the release as a whole must be a date")]);
  });

  test("a build that reports none leaves the record as it always was", async () => {
    const { folder } = await published("");
    expect(recordIn(folder)).not.toHaveProperty("watermarks");
  });

  test(`more than ${watermarksMax} names are told; the first ones, and what is said of them later, are kept`, () => {
    const reported = new Reported({});
    for (let index = 0; index <= watermarksMax; index += 1) {
      reported.takeLine(JSON.stringify({ type: "watermark", name: `w${index}`, value: index }), index);
    }
    reported.takeLine(JSON.stringify({ type: "watermark", name: "w0", value: "again" }), 0);
    expect(reported.watermarks()).toHaveLength(watermarksMax);
    expect(reported.watermarks()[0]).toEqual({ name: "w0", value: "again" });
    expect(reported.results()).toMatchObject([{ check: "messages", severity: "warn", status: "fail" }]);
  });
});
