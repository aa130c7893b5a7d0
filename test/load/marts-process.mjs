// A reader process over dbt's marts, each of whose rows says which version of the sources it was made of: loops that ask for one mart and for pairs.
// Of releases (`reader`, `options`) or of a folder that dbt writes in place (`folder`). Commands on standard input: `stop`. Lines on standard output: `ready`, `switched <version>`, `report <json>`.
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";

const { reader: readerModule, options, folder, marts, partitioned, loops, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const counts = () => ({ asked: 0, failed: 0, partial: 0, mixed: 0, messages: [] });
const report = { single: counts(), pair: counts(), releases: {} };
const rowsOf = {};
const source = folder === undefined ? await releases() : await inPlace();

/** One release a question. */
async function releases() {
  const { openReader } = await import(readerModule);
  const reader = await openReader(options);
  reader.on("switch", () => console.log(`switched ${reader.status().servingVersion}`));
  return {
    ask: (statements) =>
      reader.borrow(async (borrowed) => {
        const answers = [];
        for (const sql of statements("main_mart.")) answers.push((await borrowed.query(sql)).rows[0].map(Number));
        return { release: borrowed.release, answers };
      }),
    close: () => reader.close(),
  };
}

/** Views over the files, as a service has them that reads a folder of Parquet files. */
async function inPlace() {
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  for (const mart of marts) {
    const files = mart === partitioned ? `${folder}/${mart}/*/*.parquet` : `${folder}/${mart}.parquet`;
    await connection.run(`CREATE VIEW ${mart} AS SELECT * FROM read_parquet('${files}')`);
  }
  return {
    async ask(statements) {
      const own = await instance.connect();
      try {
        const answers = [];
        for (const sql of statements("")) answers.push((await own.runAndReadAll(sql)).getRowsJson()[0].map(Number));
        return { release: undefined, answers };
      } finally {
        own.closeSync();
      }
    },
    close: () => instance.closeSync(),
  };
}

const state = { stopping: false };

async function loop(start) {
  for (let at = start; !state.stopping; at++) {
    const kind = at % 2 === 0 ? "single" : "pair";
    // Another pair at each turn, and in the end each of them.
    const [one, other] = [
      marts[at % marts.length],
      marts[(at + 1 + (Math.floor(at / marts.length) % (marts.length - 1))) % marts.length],
    ];
    const asked = kind === "single" ? [one] : [one, other];
    report[kind].asked++;
    try {
      const { release, answers } = await source.ask((schema) =>
        asked.map((mart) => `SELECT count(*), min(loaded_version), max(loaded_version) FROM ${schema}${mart}`),
      );
      const versions = new Set(answers.flatMap(([, low, high]) => [low, high]));
      if (versions.size > 1) report[kind].mixed++;
      if (answers.some(([count]) => count === 0)) report[kind].partial++;
      if (release !== undefined) seen(release, { asked, answers, versions, kind });
    } catch (error) {
      report[kind].failed++;
      if (report[kind].messages.length < 3) report[kind].messages.push(error.message.split("\n")[0]);
    }
    await wait(pauseMs);
  }
}

/** In one release a mart has the same rows for whoever asks, and whenever. */
function seen(release, { asked, answers, versions, kind }) {
  report.releases[release] ??= [];
  for (const version of versions) if (!report.releases[release].includes(version)) report.releases[release].push(version);
  for (const [index, mart] of asked.entries()) {
    const key = `${release} ${mart}`;
    rowsOf[key] ??= answers[index][0];
    if (rowsOf[key] !== answers[index][0]) report[kind].partial++;
  }
}

const running = Array.from({ length: loops }, (_, start) => loop(start));
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) if (line === "stop") break;
state.stopping = true;
await Promise.all(running);
await source.close();
console.log(`report ${JSON.stringify(report)}`);
process.exit(0);
