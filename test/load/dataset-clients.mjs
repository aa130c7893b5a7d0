// Loops that ask for pairs of datasets: over HTTP, the second from the release that the first came from, and in a borrow of a reader.
// Commands on standard input: `stop`. Lines on standard output: `ready`, `report <json>`.
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

const { url, reader: readerModule, options, loops, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const { openReader } = await import(readerModule);
const reader = await openReader(options);
const report = { pairs: 0, borrowed: 0, failed: [], partial: [], straddled: [], untrue: [], seen: {} };
const state = { stopping: false };

async function dataset(name, query = "") {
  const response = await fetch(`${url}/api/analytics/datasets/${name}/query?limit=10000${query}`);
  const body = await response.json();
  const told = {
    name,
    status: response.status,
    release: response.headers.get("Data-Release"),
    version: response.headers.get("Data-Version"),
  };
  if (response.status !== 200 || response.headers.get("Data-Status") !== null) throw new Error(JSON.stringify({ ...told, body }));
  const tags = new Set(body.rows.map(({ tag }) => tag));
  const [{ tag, rows } = {}] = body.rows;
  // Each row says which build it is of, and how many the table has.
  if (tags.size !== 1 || body.rows.length !== rows || body.row_count !== rows)
    report.partial.push({ ...told, tags: [...tags], length: body.rows.length });
  return { ...told, tag };
}

async function overHttp() {
  const first = await dataset("one");
  const second = await dataset("two", `&release=${first.release}`);
  if (second.release !== first.release || second.tag !== first.tag) report.straddled.push([first, second]);
  for (const { release, version, tag } of [first, second]) {
    const known = (report.seen[release] ??= { tag, versions: [] });
    if (known.tag !== tag) report.untrue.push([release, known.tag, tag]);
    if (!known.versions.includes(version)) known.versions.push(version);
  }
  report.pairs++;
}

async function borrowed() {
  const [one, two] = await reader.borrow(async (release) => [
    (await release.query("SELECT DISTINCT tag FROM mart.one")).rows,
    (await release.query("SELECT DISTINCT tag FROM mart.two")).rows,
  ]);
  if (one.length !== 1 || two.length !== 1 || one[0][0] !== two[0][0]) report.straddled.push([one, two]);
  report.borrowed++;
}

async function loop(once) {
  while (!state.stopping) {
    try {
      await once();
    } catch (error) {
      report.failed.push(error.message);
    }
    await wait(pauseMs);
  }
}

const running = Array.from({ length: loops }, (_, index) => loop(index % 2 === 0 ? overHttp : borrowed));
console.log("ready");
createInterface({ input: process.stdin }).on("line", async (line) => {
  if (line !== "stop") return;
  state.stopping = true;
  await Promise.all(running);
  await reader.close();
  console.log(`report ${JSON.stringify(report)}`);
  process.exit(0);
});
