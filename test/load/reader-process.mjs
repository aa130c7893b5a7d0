// A reader process under load: closed loops over one reader, every answer checked against itself, what was seen told at the end.
// Travellers ask for any release that is kept at the moment, by its id.
// Commands on standard input: `stop`. Lines on standard output: `ready`, `switched <version>`, `report <json>`.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { openResidentProbe } from "../../soak/lib/resident.mjs";

const { reader: readerModule, options, loops, travellers = 0, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const { openReader } = await import(readerModule);
const reader = await openReader(options);
const residentBytes = await openResidentProbe();

const report = {
  requests: 0,
  failed: [],
  lockErrors: 0,
  mixed: [],
  backwards: [],
  seen: {},
  travelled: {},
  gone: [],
  memory: [],
  descriptors: { start: 0, end: 0 },
  status: undefined,
};
const state = { stopping: false };

/** Two queries of one borrow: they must speak of one release, and the numbers must fit together. */
async function ask(release) {
  const answer = await reader.borrow(
    async (borrowed) => {
      const totals = await borrowed.query("SELECT count(*) AS n, sum(n) AS s, min(tag) AS low, max(tag) AS high FROM t");
      const [meta] = (await borrowed.query("SELECT tag, rows FROM meta")).rows;
      const [n, s, low, high] = totals.rows[0];
      return {
        release: borrowed.release,
        version: borrowed.version,
        tag: Number(meta[0]),
        rows: Number(meta[1]),
        n: Number(n),
        s: Number(s),
        low: Number(low),
        high: Number(high),
      };
    },
    { release },
  );
  const { tag, rows, n, s, low, high } = answer;
  const whole = n === rows && s === (rows * (rows + 1)) / 2 && low === tag && high === tag;
  if (!whole || (release !== undefined && answer.release !== release)) report.mixed.push(answer);
  return answer;
}

async function request(last) {
  const { release, version, tag } = await ask();
  if (version < last.version) report.backwards.push([last.version, version]);
  last.version = version;
  count(report.seen, `${release} ${version}`, tag);
}

async function travel() {
  // A folder without its data is one that is just coming in.
  const folder = join(options.dir, "releases");
  const kept = readdirSync(folder).filter((release) => existsSync(join(folder, release, `${options.basename}.duckdb`)));
  const wanted = kept[Math.floor(Math.random() * kept.length)];
  try {
    count(report.travelled, wanted, (await ask(wanted)).tag);
  } catch (error) {
    // Prune may have been quicker; whether it was is seen at the end, for no release comes back.
    if (error.code !== "RELEASE_UNKNOWN") throw error;
    report.gone.push(wanted);
  }
}

/** Maps, for an object whose names are numbers is an array as long as the largest: what this report takes is not the reader's. */
function count(table, key, tag) {
  const tags = (table[key] ??= new Map());
  tags.set(tag, (tags.get(tag) ?? 0) + 1);
}

async function loop(once) {
  const last = { version: 0 };
  while (!state.stopping) {
    try {
      await once(last);
    } catch (error) {
      report.failed.push(`${error.code}: ${error.message}`);
      if (/lock/i.test(error.message)) report.lockErrors++;
      await wait(10);
    }
    report.requests++;
    await wait(pauseMs);
  }
}

const descriptors = () => readdirSync("/proc/self/fd").length;
reader.on("switch", (event) => console.log(`switched ${event.version ?? reader.status().servingVersion}`));
await reader.query("SELECT 1");
report.descriptors.start = descriptors();
const sample = async () => report.memory.push(await residentBytes());
const sampler = setInterval(() => void sample(), 250);
const running = [
  ...Array.from({ length: loops }, () => loop(request)),
  ...Array.from({ length: travellers }, () => loop(travel)),
];
console.log("ready");

createInterface({ input: process.stdin }).on("line", async (line) => {
  if (line !== "stop") return;
  state.stopping = true;
  await Promise.all(running);
  clearInterval(sampler);
  // What a switch replaced may still drain.
  while (reader.status().generations.length > 1) await wait(20);
  report.status = reader.status();
  report.descriptors.end = descriptors();
  await reader.close();
  console.log(`report ${JSON.stringify(report, (_name, value) => (value instanceof Map ? Object.fromEntries(value) : value))}`);
  process.exit(0);
});
