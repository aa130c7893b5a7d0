import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Asked } from "../../bench/alternatives/count.mjs";
import { count, nothing, together } from "../../bench/alternatives/count.mjs";
import { durable } from "../../bench/alternatives/power-cut.mjs";

const clients = fileURLToPath(new URL("../../bench/alternatives/clients.mjs", import.meta.url));
const rows = 7;
const answerOf = (investors: number, filings = investors, counted = rows) => ({ investors, filings, rows: counted });
const asked = (startedAt: number, endedAt: number, answer: Asked["answer"]) => ({
  startedAt,
  endedAt,
  ...(answer && { answer }),
});

describe("what the bench of alternatives makes of a server's answers", () => {
  const switches = [{ number: 1, at: 1000 }];
  const counted = (all: Asked[]) => count(all, { switches, rows });

  test("answers of two builds, and with rows that no build has, are mixed; what is no answer has failed", () => {
    const all = [
      asked(0, 1, answerOf(0)),
      asked(1, 2, answerOf(0, 1)),
      asked(2, 3, answerOf(1, 1, rows + 1)),
      asked(3, 4, { investors: Number.NaN, filings: 1, rows }),
      { startedAt: 4, endedAt: 5, error: "503: busy" },
      asked(5, 6, answerOf(1)),
    ];
    expect(counted(all)).toMatchObject({ requests: 6, failed: 2, mixed: 2 });
    expect(counted(all).errors).toContain("503: busy");
  });

  test("stale is the time from a switch to the end of the last older answer; near are 500 ms on both sides", () => {
    const all = [
      asked(100, 110, answerOf(0)),
      asked(990, 1040, answerOf(0)),
      asked(1010, 1020, answerOf(1)),
      asked(1600, 1601, answerOf(1)),
    ];
    expect(counted(all)).toMatchObject({ staleMs: [40], unseen: 0, nearTimes: [50, 10], times: [10, 50, 10, 1] });
  });

  test("a mixed answer is as old as its older half", () => {
    expect(counted([asked(1010, 1030, answerOf(0, 1)), asked(1040, 1041, answerOf(1))]).staleMs).toEqual([30]);
  });

  test("a build that no answer showed is stale to the end, and told", () => {
    const all = [asked(990, 999, answerOf(0)), asked(5000, 5001, answerOf(0)), { startedAt: 6000, endedAt: 6001, error: "x" }];
    expect(counted(all)).toMatchObject({ unseen: 1, staleMs: [5001] });
  });

  test("an answer older than one that had ended before it was asked for goes backwards; one that overlaps does not", () => {
    const all = [asked(1000, 1010, answerOf(1)), asked(1005, 1020, answerOf(0)), asked(1030, 1040, answerOf(0))];
    expect(counted(all).backwards).toBe(1);
  });

  test("blocks are added up", () => {
    const one = counted([asked(1000, 1010, answerOf(0, 1)), { startedAt: 1, endedAt: 2, error: "x" }]);
    expect(together(together(nothing(), one), one)).toMatchObject({ requests: 4, failed: 2, mixed: 2, errors: ["x"], unseen: 2 });
  });
});

test("its clients tell apart what a real server answers: whole, mixed, refused, cut off, no JSON", async () => {
  const enough = 20;
  let turn = 0;
  let seenEnough = () => {};
  const answeredEnough = new Promise<void>((resolve) => {
    seenEnough = resolve;
  });
  const server = createServer((_, response) => {
    turn += 1;
    if (turn === enough) seenEnough();
    if (turn % 5 === 1) return response.end(JSON.stringify(answerOf(3)));
    // As Datasette and ROAPI send it.
    if (turn % 5 === 2) return response.end(JSON.stringify([answerOf(2, 3)]));
    if (turn % 5 === 3) return response.writeHead(503).end('{"error":"busy"}');
    if (turn % 5 === 4) return response.destroy();
    return response.end("<html>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const child = fork(clients, ["1"], { serialization: "advanced" });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.send({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  await answeredEnough;
  child.send({ stop: true });
  const [told] = (await once(child, "message")) as [{ asked: Asked[] }];
  const seen = count(told.asked.slice(0, enough), { switches: [], rows });
  expect(seen).toMatchObject({ requests: enough, mixed: 4, failed: 12 });
  expect(seen.errors).toEqual(
    expect.arrayContaining([
      expect.stringContaining("503"),
      expect.stringContaining("no JSON"),
      expect.stringContaining("socket hang up"),
    ]),
  );
});

describe("what a publish has made durable, by its system calls", () => {
  const home = "/data/way";
  const before = [
    `1 fsync(3</data/way>) = 0`,
    `1 fsync(3</data/way/version.json.new>) = 0`,
    `1 mkdir("/data/way/marked", 0777) = 0`,
  ];

  test("only what comes after the mark counts, and of the folder only what comes after the rename", () => {
    const data = "2 fdatasync(4</data/way/building-data.duckdb>) = 0";
    const rename = '2 rename("/data/way/a", "/data/way/b") = 0';
    const folder = "2 fsync(5</data/way>) = 0";
    expect(durable([...before, data, folder, rename], home)).toBe("data");
    expect(durable([...before, data, "2 fsync(6</data/way/db_manifest.json.tmp>) = 0", rename, folder], home)).toBe(
      "data, pointer, the folder",
    );
    expect(durable([...before, rename], home)).toBe("nothing");
  });
});
