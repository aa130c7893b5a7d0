// Parquet marts as many have them: files in one folder that a build writes again in place, and a reader's views over them.
// `build`: rebuilds the marts `rounds` times, each with its round as tag; ends by itself. Prints `built`.
// `read`: closed loops over views of an in-memory instance until `stop`. Prints `ready`, `report <json>`.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DuckDBInstance } from "@duckdb/node-api";

const { role, folder, marts, rows, firstTag = 1, rounds = 1, emptied = false, loops = 1 } = JSON.parse(process.argv[2] ?? "{}");
const instance = await DuckDBInstance.create(":memory:", { threads: "2" });

if (role === "build") await build();
else await read();

async function build() {
  const connection = await instance.connect();
  for (let tag = firstTag; tag < firstTag + rounds; tag++) {
    if (emptied) for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    for (let mart = 0; mart < marts; mart++) {
      const rowsOf = `SELECT range + 1 AS n, ${tag} AS tag, md5(range::VARCHAR) AS text FROM range(${rows})`;
      await connection.run(`COPY (${rowsOf}) TO '${join(folder, `m${mart}.parquet`)}' (FORMAT parquet)`);
    }
  }
  console.log("built");
}

async function read() {
  const setup = await instance.connect();
  for (let mart = 0; mart < marts; mart++)
    await setup.run(`CREATE VIEW m${mart} AS SELECT * FROM read_parquet('${join(folder, `m${mart}.parquet`)}')`);
  const kinds = ["single", "pair", "self-join"];
  const report = Object.fromEntries(kinds.map((kind) => [kind, { asked: 0, failed: 0, mixed: 0, messages: [] }]));
  const state = { stopping: false };
  const running = Array.from({ length: loops }, () => loop());
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) if (line === "stop") break;
  state.stopping = true;
  await Promise.all(running);
  console.log(`report ${JSON.stringify(report)}`);
  process.exit(0);

  async function loop() {
    const connection = await instance.connect();
    for (let at = 0; !state.stopping; at++) {
      const kind = kinds[at % kinds.length];
      const counts = report[kind];
      counts.asked++;
      try {
        // Every answer checks itself: `true` where all of it is of one build and none of it is missing.
        const [[whole]] = (await connection.runAndReadAll(questions(at)[kind])).getRowsJson();
        if (whole !== true) counts.mixed++;
      } catch (error) {
        counts.failed++;
        if (counts.messages.length < 3) counts.messages.push(error.message.split("\n")[0].replaceAll(folder, "…"));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** The question of each kind, over other marts at each turn. */
function questions(at) {
  const [one, other] = [`m${at % marts}`, `m${(at + 1 + (at % (marts - 1))) % marts}`];
  return {
    single: `SELECT count(*) = ${rows} AND min(tag) = max(tag) FROM ${one}`,
    pair: `SELECT a.n = b.n AND a.tag = b.tag FROM (SELECT count(*) AS n, max(tag) AS tag FROM ${one}) a, (SELECT count(*) AS n, max(tag) AS tag FROM ${other}) b`,
    "self-join": `SELECT count(*) = ${rows} AND bool_and(a.tag = b.tag) FROM ${one} a JOIN ${one} b USING (n)`,
  };
}
