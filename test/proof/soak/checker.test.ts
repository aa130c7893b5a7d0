import { describe, expect, test } from "vitest";
import { checkHistory } from "../../../soak/checker/check.mjs";
import type { Line } from "../../../soak/checker/facts.mjs";
import { summarize } from "../../../soak/checker/summary.mjs";
import { faultless, lineOf, outcomeOf, type Written } from "./sample.ts";

const added = (written: Written, line: Record<string, unknown>) =>
  written.lines.push({ process: "busy", life: 0, at: 1e9, ...line } as unknown as Line);

const without = (written: Written, dropped: (line: Line) => boolean) => {
  written.lines = written.lines.filter((line) => !dropped(line));
};

const withoutHistory = (written: Written, version: number) => {
  written.history = written.history.filter((line) => line.version !== version).map((line, index) => ({ ...line, id: index + 1 }));
};

/** What is done to the faultless history, the rule that must see it, and how. Answers of the sample: 0 to 7 by time. */
const tampered: readonly [what: string, rule: string, tamper: (written: Written) => void][] = [
  ["nothing was read", "empty", (written) => without(written, (line) => line.event === "answer")],
  ["nothing was published", "empty", (written) => without(written, (line) => line.event === "outcome")],
  ["two builds in one answer", "whole-answer", (written) => void (lineOf(written, "answer", 1).items.low = 1)],
  ["two builds in one table", "whole-answer", (written) => void (lineOf(written, "answer", 1).orders.high = 1)],
  ["a row too few", "whole-answer", (written) => void (lineOf(written, "answer", 1).orders.rows -= 1)],
  ["a row of the second table too many", "whole-answer", (written) => void (lineOf(written, "answer", 1).items.rows += 1)],
  ["another sum", "whole-answer", (written) => void (lineOf(written, "answer", 1).items.sum += 1)],
  ["data that nobody built", "whole-answer", (written) => showBuild(written, 1, 99)],
  ["a refused build is served", "never-out", (written) => showBuild(written, 1, 3)],
  ["a failed build is served", "never-out", (written) => showBuild(written, 1, 4)],
  ["a build that was locked out is served", "never-out", (written) => showBuild(written, 1, 11)],
  [
    "a build that was to be refused is served, its publisher killed",
    "never-out",
    (written) => {
      without(written, (line) => line.event === "outcome" && line.id === "p.3");
      showBuild(written, 3, 3);
    },
  ],
  ["a release is served under another's name", "right-release", (written) => showBuild(written, 1, 1)],
  ["a rollback serves another build", "right-release", (written) => showBuild(written, 4, 5)],
  ["an adopted release is another build", "right-release", (written) => showBuild(written, 7, 2)],
  ["a killed publish is two builds", "right-release", (written) => showBuild(written, 5, 6)],
  ["a release that nobody acknowledged is a build of another", "right-release", (written) => showBuild(written, 3, 2)],
  ["one version, two releases", "one-release", (written) => void (lineOf(written, "answer", 0).release = "r000009")],
  ["a reader goes back", "goes-back", (written) => swapVersions(written, 0, 1)],
  ["a lagging reader goes back", "goes-back", (written) => swapVersions(written, 2, 5)],
  ["a strict reader is stale", "stale", (written) => answerAs(written, 1, 0)],
  ["an acknowledged version is given again", "version-twice", (written) => void (outcomeOf(written, "p.2").version = 1)],
  ["a later operation gets a lower version", "version-order", (written) => void (outcomeOf(written, "v.2").version = 0)],
  ["an acknowledged version is not in the history", "not-recorded", (written) => withoutHistory(written, 2)],
  ["a version that was seen is not in the history", "not-recorded", (written) => withoutHistory(written, 3)],
  [
    "an acknowledged version that another program's followed is not in the history",
    "not-recorded",
    (written) => withoutHistory(written, 4),
  ],
  ["the history has another release", "not-recorded", (written) => void (written.history[1]!.release = "r000008")],
  ["a refusal is not in the history", "not-recorded", (written) => void (written.history[2]!.type = "build.failed")],
  ["a gap in the history's numbers", "history-order", (written) => void (written.history[4]!.id = 9)],
  ["versions fall in the history", "history-order", (written) => void (written.history[4]!.version = 1)],
  ["back to a release that never was active", "history-order", (written) => void (written.history[5]!.release = "r000007")],
  [
    "a switch that nobody made",
    "unexplained",
    (written) => written.history.push({ id: 8, type: "release.switched", release: "r000001", version: 7, reason: "rollback" }),
  ],
  [
    "one killed publish switched twice, the other once",
    "unexplained",
    (written) =>
      written.history.push(
        ...[7, 8].map((id) => ({ id: id + 1, type: "release.switched", release: `r00000${id}`, version: id, reason: "publish" })),
      ),
  ],
  [
    "a version that was left out",
    "unexplained",
    (written) => {
      outcomeOf(written, "s.2").version = 8;
      written.history[6]!.version = 8;
    },
  ],
  [
    "a request fails",
    "request-failed",
    (written) => added(written, { event: "request-failed", code: "QUERY_FAILED", message: "no" }),
  ],
  [
    "a request fails for a lock",
    "lock-error",
    (written) => added(written, { event: "request-failed", code: "FILE_LOCKED", message: "busy" }),
  ],
  ["a reader cannot serve what is published", "degraded", (written) => added(written, { event: "degraded", code: "IO_FAILED" })],
  ["a publish fails", "unexpected-result", (written) => void (outcomeOf(written, "p.2").result = "IO_FAILED")],
  ["a build passes that was to be refused", "unexpected-result", (written) => void (outcomeOf(written, "p.3").result = "ok")],
  [
    "a foreign manifest that nobody wrote",
    "unexpected-result",
    (written) => void (outcomeOf(written, "p.2").result = "FOREIGN_MANIFEST"),
  ],
  [
    "an operation never ends",
    "never-ended",
    (written) => without(written, (line) => line.event === "outcome" && line.id === "v.1"),
  ],
  ["a process dies", "died", (written) => void (lineOf(written, "ended", 1).code = 1)],
  [
    "a process is killed by somebody else",
    "died",
    (written) => added(written, { event: "ended", life: 3, code: null, signal: "SIGSEGV" }),
  ],
  ["descriptors are left open", "descriptors", (written) => void (lineOf(written, "descriptors", 0).after = 29)],
  ["memory grows by a tenth of a percent a second", "memory", (written) => addMemory(written, (at) => 1e8 + at * 1e5)],
];

/** Five minutes of a process's memory, a sample a second. */
function addMemory(written: Written, bytesAt: (at: number) => number): void {
  for (let at = 0; at < 300; at += 1) added(written, { event: "memory", at: 1e9 + at * 1e6, bytes: Math.round(bytesAt(at)) });
}

/** An answer shows all of another build, as if it were whole. */
function showBuild(written: Written, index: number, tag: number): void {
  const answer = lineOf(written, "answer", index);
  const build = written.lines.find((line) => line.event === "invoke" && line.tag === tag);
  const { orders = 7, items = 7 } = build?.event === "invoke" ? build : {};
  const seen = (rows: number) => ({ rows, sum: (tag * rows * (rows + 1)) / 2, low: tag, high: tag });
  Object.assign(answer, { orders: seen(orders), items: seen(items) });
}

/** An answer shows what another one does. */
function answerAs(written: Written, index: number, other: number): void {
  const { release, version, orders, items } = lineOf(written, "answer", other);
  Object.assign(lineOf(written, "answer", index), { release, version, orders, items });
}

/** Two answers of one reader come in the other order. */
function swapVersions(written: Written, left: number, right: number): void {
  const [one, other] = [lineOf(written, "answer", left), lineOf(written, "answer", right)];
  const { version, release, orders, items } = one;
  Object.assign(one, { version: other.version, release: other.release, orders: other.orders, items: other.items });
  Object.assign(other, { version, release, orders, items });
}

describe("the history checker", () => {
  test("a killed writer's switch need not be in the history where another program's followed at once: it took the manifest that told of it", () => {
    const written = faultless();
    without(written, (line) => line.event === "outcome" && line.id === "v.2");
    added(written, { process: "visitor", life: 2, event: "killed" });
    withoutHistory(written, 4);
    expect(checkHistory(written)).toEqual([]);
  });

  test("finds nothing in a history without a fault", () => {
    expect(checkHistory(faultless())).toEqual([]);
    // What the start needs, and a wave of a tenth that comes and goes, are no growth.
    const steady = faultless();
    addMemory(steady, (at) => 1e8 + Math.min(at, 100) * 5e5 + Math.sin(at / 8) * 1e7);
    expect(checkHistory(steady)).toEqual([]);
  });

  test.each(tampered)("%s: %s", (_what, rule, tamper) => {
    const written = faultless();
    tamper(written);
    const found = checkHistory(written);
    expect(found.map((violation) => violation.rule)).toContain(rule);
    for (const { message } of found) expect(message).toMatch(/\w/);
  });

  test("a strict reader that waited as long as it may is not stale, nor is one that began before the acknowledgement", () => {
    const waited = faultless();
    answerAs(waited, 1, 0);
    const late = lineOf(waited, "answer", 1);
    late.at = late.begin + 5_000_000;
    expect(checkHistory(waited)).toEqual([]);
    expect(summarize(waited).waitedOut).toBe(1);
    late.at -= 1;
    expect(checkHistory(waited).map(({ rule }) => rule)).toEqual(["stale"]);
    late.begin = outcomeOf(waited, "p.2").at;
    expect(checkHistory(waited)).toEqual([]);
  });

  test("a foreign switch whose writer was killed explains a version that the history lacks", () => {
    const written = faultless();
    without(written, (line) => line.event === "outcome" && line.id === "v.3");
    expect(checkHistory(written).map(({ rule }) => rule)).toContain("never-ended");
    added(written, { event: "killed", process: "visitor", life: 3 });
    expect(checkHistory(written)).toEqual([]);
  });
});

test("the summary counts what happened", () => {
  expect(summarize(faultless())).toMatchObject({
    publishes: 2,
    rollbacks: 1,
    foreign: 1,
    adoptions: 1,
    refused: 1,
    failed: 1,
    lockedOut: 1,
    foundForeign: 1,
    killedPublishers: 2,
    unknown: 2,
    unknownSwitches: 1,
    requests: 8,
    readers: 2,
    switchesSeen: 6,
    waitedOut: 0,
  });
});
