import { describe, expect, it } from "vitest";
import { checkLines } from "../../src/cli/render/checks.ts";
import { jsonRenderer } from "../../src/cli/render/json.ts";
import { createProgress } from "../../src/cli/render/progress.ts";
import { styleFor } from "../../src/cli/render/style.ts";
import { printable, tableLines, textRenderer } from "../../src/cli/render/text.ts";
import { LockkeeperError } from "../../src/errors/lockkeeper-error.ts";

const plain = styleFor({ terminal: false, environment: {} });

describe("styleFor", () => {
  const coloured = (terminal: boolean, environment: Record<string, string>): boolean =>
    styleFor({ terminal, environment }).red("x") !== "x";

  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ] as const)("terminal %s with %j: %s", (terminal, environment, wanted) => {
    expect(coloured(terminal, environment)).toBe(wanted);
  });
});

describe("printable", () => {
  it("makes visible what could steer a terminal or turn text around", () => {
    expect(printable("a\u001b[2Jb\nc\td\u202Ee\u0085")).toBe("a\\u001b[2Jb\\nc\\td\\u202ee\\u0085");
    expect(printable("Zürich 東京")).toBe("Zürich 東京");
  });
});

describe("tableLines", () => {
  it("aligns, to the right where asked, and ends no line with a space", () => {
    const rows = [
      ["é", "1"],
      ["long name", "22"],
    ];
    expect(tableLines(["name", "count"], rows, { style: plain, right: new Set([1]) })).toEqual([
      "name       count",
      "é              1",
      "long name     22",
    ]);
  });
});

describe("renderers", () => {
  const holder = { pid: 7, command: "node etl.mjs" };
  const error = new LockkeeperError("BUILD_LOCKED", "another build is under way", { hint: "Wait.", subject: "/x", holder });

  it("JSON: one line each, the exit that the process will have", () => {
    const report = { word: "path", body: { files: ["/a\n"] }, exit: 0, text: () => "" } as const;
    expect(jsonRenderer.report(report)).toBe('{"schema":"lockkeeper/path@1","files":["/a\\n"]}\n');
    expect(JSON.parse(jsonRenderer.error(error, 143))).toEqual({
      schema: "lockkeeper/error@1",
      error: { code: "BUILD_LOCKED", message: "another build is under way", hint: "Wait.", exit: 143, subject: "/x", holder },
    });
  });

  it("text: what happened, the hint, the exit code", () => {
    const { error: render } = textRenderer(plain, plain);
    expect(render(error, 11)).toBe("error BUILD_LOCKED: another build is under way\n  Wait.\nexit 11\n");
  });
});

describe("progress", () => {
  function progressOf(options: { terminal?: boolean; quiet?: boolean }) {
    const written: string[] = [];
    let now = 5;
    const progress = createProgress({
      write: (chunk) => void written.push(chunk.toString()),
      terminal: false,
      quiet: false,
      style: plain,
      now: () => (now += 1_500),
      ...options,
    });
    progress.onProgress({ kind: "phase", phase: "build", detail: "here" });
    progress.onProgress({ kind: "output", stream: "stdout", chunk: Buffer.from("half a line") });
    progress.onProgress({ kind: "message", message: { type: "progress", text: "loading", fraction: 0.25 } });
    progress.onProgress({ kind: "cleaned", detail: "removed build x" });
    progress.onProgress({ kind: "output", stream: "stderr", chunk: Buffer.from("end\n") });
    progress.endLine();
    return written.join("");
  }

  it("tells a terminal phases with the time gone by, and never breaks into a line of build output", () => {
    expect(progressOf({ terminal: true })).toBe(
      "[1.5 s] build here\nhalf a line\nbuild: 25 % loading\ncleaned removed build x\nend\n",
    );
  });

  it("tells a log no phases", () => {
    expect(progressOf({})).toBe("half a line\nbuild: 25 % loading\ncleaned removed build x\nend\n");
  });

  it("tells a check that the build reports", () => {
    const written: string[] = [];
    const progress = createProgress({
      write: (chunk) => void written.push(chunk.toString()),
      terminal: false,
      quiet: false,
      style: plain,
      now: () => 0,
    });
    progress.onProgress({ kind: "message", message: { type: "check", name: "sum\u001b[2J", status: "fail", message: "3 lost" } });
    progress.onProgress({ kind: "message", message: { type: "check", name: "rest", status: "pass" } });
    expect(written).toEqual(["build: check sum\\u001b[2J fail 3 lost\n", "build: check rest pass\n"]);
  });

  it("is silent when quiet", () => {
    expect(progressOf({ quiet: true, terminal: true })).toBe("");
  });
});

describe("check results for people", () => {
  const base = {
    check: "not_null",
    severity: "error",
    observed: "cik: 2 NULL",
    expected: "no NULL",
    message: "t: cik is NULL in 2 rows",
  } as const;

  it("a failed one says where, what was seen and wanted, and how to look at the rows", () => {
    const lines = checkLines(
      [{ ...base, name: "whole", status: "fail", table: "t", column: "cik", sql: 'SELECT *\nFROM "t"\u001b[2J' }],
      plain,
    );
    expect(lines).toEqual([
      "  fail  whole  t: cik is NULL in 2 rows",
      "        table t; column cik; observed cik: 2 NULL; expected no NULL",
      "        look at the rows:",
      "          SELECT *",
      '          FROM "t"\\u001b[2J',
    ]);
  });

  it("one that passed or was skipped has one line", () => {
    const lines = checkLines(
      [
        { ...base, name: "a", status: "pass" },
        { ...base, name: "bc", status: "skip" },
      ],
      plain,
    );
    expect(lines.map((line) => line.trim().slice(0, 8))).toEqual(["pass  a ", "skip  bc"]);
  });
});
