// Eight closed loops over kept-alive connections, and one follower of the events, until a line comes on standard input. What they saw is one line of JSON.
import { EventEmitter, once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

const { url, store, loops, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const agent = new Agent({ keepAlive: true, maxSockets: loops });
const report = {
  requests: 0,
  notModified: 0,
  failed: /** @type {unknown[]} */ ([]),
  mixed: /** @type {unknown[]} */ ([]),
  backwards: /** @type {unknown[]} */ ([]),
  unlike: /** @type {unknown[]} */ ([]),
  /** @type {Record<string, Record<string, number>>} */
  seen: {},
  /** @type {unknown[]} */
  events: [],
};
/** Bodies by address and ETag: one ETag, one body. @type {Map<string, string>} */
const bodies = new Map();
const load = { stopping: false };
const arrivals = new EventEmitter();

/**
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<{ status: number, headers: import("node:http").IncomingHttpHeaders, body: string }>}
 */
function get(path, headers = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, url), { agent, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => (body += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

const base = `/v1/stores/${store}`;
const addresses = [
  `${base}/queries/pair`,
  `${base}/tables/left/rows?limit=3`,
  `${base}/queries/pair?shape=objects`,
  `${base}/tables/right/rows?limit=2&sort=-n`,
];

/** @param {number} loop */
async function ask(loop) {
  let highest = 0;
  /** @type {Map<string, string>} */
  const known = new Map();
  for (let turn = loop; !load.stopping; turn += 1) {
    await wait(pauseMs);
    const path = addresses[turn % addresses.length] ?? "";
    const etag = known.get(path);
    const headers = { "Min-Version": String(highest), ...(etag !== undefined && turn % 3 > 0 && { "If-None-Match": etag }) };
    try {
      const answer = await get(path, headers);
      report.requests += 1;
      const version = Number(answer.headers["data-version"]);
      const now = String(answer.headers.etag);
      if (answer.status !== 200 && answer.status !== 304) {
        report.failed.push([path, answer.status, answer.body.slice(0, 200)]);
        continue;
      }
      if (version < highest) report.backwards.push([path, highest, version]);
      highest = version;
      const key = `${path} ${now}`;
      const body = answer.status === 304 ? bodies.get(key) : answer.body;
      if (answer.status === 304) report.notModified += 1;
      if (body === undefined || (bodies.get(key) ?? body) !== body) report.unlike.push([key, body?.slice(0, 200)]);
      bodies.set(key, body ?? "");
      known.set(path, now);
      note(path, { release: String(answer.headers["data-release"]), version, body: body ?? "{}" });
    } catch (error) {
      report.failed.push([path, String(error)]);
    }
  }
}

/**
 * @param {string} path
 * @param {{ release: string, version: number, body: string }} answer
 */
function note(path, { release, version, body }) {
  const { rows, ...answer } = JSON.parse(body);
  const tags = new Set(
    rows.flatMap((/** @type {Record<string, unknown>} */ row) =>
      path.includes("queries") ? Object.values(row) : [Object.values(row).at(-1)],
    ),
  );
  if (tags.size !== 1 || answer.release !== release || answer.version !== version)
    report.mixed.push([path, release, version, body.slice(0, 300)]);
  const seen = (report.seen[`${release} ${version}`] ??= {});
  const [tag] = tags;
  seen[String(tag)] = (seen[String(tag)] ?? 0) + 1;
}

/** @param {number} version */
async function told(version) {
  const has = () => report.events.some((event) => /** @type {{ version: number }} */ (event).version === version);
  while (!has()) await once(arrivals, "event", { signal: AbortSignal.timeout(30_000) });
}

async function follow() {
  const asked = request(new URL(`/v1/events?store=${store}`, url), { agent: false });
  asked.on("error", (error) => load.stopping || report.failed.push(["events", String(error)]));
  asked.end();
  await new Promise((resolve) => asked.once("response", resolve)).then((response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("error", () => undefined);
    response.on("data", (/** @type {string} */ piece) => {
      text += piece;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = /^data: ?(.*)$/m.exec(text.slice(0, end))?.[1];
        if (data !== undefined) {
          report.events.push(JSON.parse(data));
          arrivals.emit("event");
        }
        text = text.slice(end + 2);
      }
    });
  });
  return () => asked.destroy();
}

const leave = await follow();
const running = Promise.all(Array.from({ length: loops }, (_, loop) => ask(loop)));
console.log("ready");
// "stop 201": the event of that version is waited for, which comes a moment after its first answer.
process.stdin.once("data", async (line) => {
  load.stopping = true;
  await running;
  await told(Number(String(line).split(" ")[1]));
  leave();
  agent.destroy();
  process.stdout.write(`report ${JSON.stringify(report)}\n`, () => process.exit(0));
});
