// A reader process over releases of a DuckDB file, Parquet tables and a SQLite file: closed loops, each answer checked against itself.
// Commands on standard input: `stop`. Lines on standard output: `ready`, `switched <version>`, `report <json>`.
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

const { reader: readerModule, options, loops, marts, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const { openReader } = await import(readerModule);
const reader = await openReader(options);

const kinds = ["single", "pair", "triple"];
const report = {
  asked: Object.fromEntries(kinds.map((kind) => [kind, 0])),
  failed: [],
  partial: [],
  straddled: [],
  seen: {},
  descriptors: { start: 0, end: 0 },
};
const state = { stopping: false };

/** A Parquet table: its tag, or what is missing of it. Every one says itself how many rows its release has. */
async function mart(borrowed, at) {
  const { rows } = await borrowed.query(`SELECT count(*), min(tag), max(tag), max(rows) FROM mart.m${at % marts}`);
  const [n, low, high, expected] = rows[0].map(Number);
  if (low !== high) report.straddled.push([borrowed.release, "within one table", low, high]);
  if (n !== expected) report.partial.push([borrowed.release, n, expected]);
  return low;
}

const questions = {
  single: async (borrowed, at) => [await mart(borrowed, at)],
  // Two tables in one statement, the partitioned one among them, and two statements of one borrow.
  async pair(borrowed, at) {
    const { rows } = await borrowed.query(
      `SELECT (SELECT max(tag) FROM mart.m${at % marts}), (SELECT max(tag) FROM mart.parts), (SELECT min(tag) FROM mart.parts), (SELECT count(*) FROM mart.parts)`,
    );
    const [one, other, least, n] = rows[0].map(Number);
    if (n !== 300) report.partial.push([borrowed.release, "parts", n]);
    return [one, other, least, await mart(borrowed, at + 1)];
  },
  async triple(borrowed, at) {
    const database = await borrowed.sqlite("labels.db");
    const label = database.prepare("SELECT tag FROM labels").get().tag;
    const { rows } = await borrowed.query("SELECT tag FROM meta");
    return [
      label,
      Number(rows[0][0]),
      await mart(borrowed, at),
      database.prepare("SELECT max(tag) AS tag FROM labels").get().tag,
    ];
  },
};

async function loop(start) {
  for (let at = start; !state.stopping; at++) {
    const kind = kinds[at % kinds.length];
    report.asked[kind]++;
    try {
      await reader.borrow(async (borrowed) => {
        const tags = await questions[kind](borrowed, at);
        if (new Set(tags).size !== 1) report.straddled.push([borrowed.release, kind, tags]);
        report.seen[borrowed.release] ??= {};
        for (const tag of tags) report.seen[borrowed.release][tag] = true;
      });
    } catch (error) {
      report.failed.push(`${kind}: ${error.code}: ${error.message}`);
    }
    await wait(pauseMs);
  }
}

const descriptors = () => readdirSync("/proc/self/fd").length;
reader.on("switch", (event) => console.log(`switched ${event.version ?? reader.status().servingVersion}`));
await reader.borrow(async (borrowed) => (await borrowed.sqlite("labels.db")).prepare("SELECT 1").get());
report.descriptors.start = descriptors();
const running = Array.from({ length: loops }, (_, start) => loop(start));
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) if (line === "stop") break;
state.stopping = true;
await Promise.all(running);
while (reader.status().generations.length > 1) await wait(20);
// What is let go of is closed a little later where the machine is busy: what counts is what stays.
report.descriptors.end = descriptors();
for (let sample = 0; sample < 30; sample++) {
  await wait(100);
  report.descriptors.end = Math.min(report.descriptors.end, descriptors());
}
await reader.close();
console.log(`report ${JSON.stringify(report)}`);
process.exit(0);
