// @ts-check
/**
 * An app and an ETL that were there before, under care: three stores are built in three ways, week by week, while three apps answer a
 * load that checks every answer. `npm run demo:superinvestors` runs this file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withResolvers } from "../lib/children.mjs";
import { requireHono } from "../lib/requirements.mjs";
import { describeCounts, whole } from "../lib/screen.mjs";
import { createStage } from "../lib/stage.mjs";
import { findPython } from "./demo/python.mjs";
import { cli, storesOf } from "./demo/stores.mjs";
import { Story, tell } from "./demo/story.mjs";
import { renderSummary, summarize } from "./demo/summary.mjs";
import { startTraffic } from "./demo/traffic.mjs";
import { computeTruth, dayOfWeek } from "./demo/truth.mjs";
import { environmentOf, makeWorkspace } from "./demo/workspace.mjs";
import { sizes } from "./filings/generate.mjs";

const usage = `Usage: node demo.mjs [options]

Publishes the filings of large investors week by week, into three stores by three ETLs, under a load that checks every answer.

  --size SIZE      ${Object.keys(sizes).join(", ")} (default: m)
  --weeks N        2 to 13 weeks of the quarter's filings (default: 13)
  --json           one document on stdout, nothing else
  --keep           keep the folder
  --dir FOLDER     use this new or empty folder, and keep it
  --python FILE    the Python to use; none builds every store with etl.mjs
`;

const clients = 8;
const options = readOptions();
const stage = createStage({ name: "lockkeeper-superinvestors-", ...options });
const { children, screen } = stage;
await stage.perform(run, "an answer failed, was mixed, went back, or met a lock");

/** The whole demo; resolves to whether all was right. */
async function run() {
  const startedAt = performance.now();
  const { size, weeks } = options;
  requireHono();
  const folder = stage.makeFolder();
  screen.line("Superinvestors: an app and an ETL that were there before, under care\n");
  const { generated, last, sources } = await makeWorkspace(folder, size);
  const env = environmentOf(folder);
  screen.line(
    `  data    ${whole(generated.rows)} positions of ${whole(generated.investors)} investors in ${generated.quarters.length} quarters (size ${size})`,
  );
  screen.line(`  weeks   ${weeks}: the filings of ${last} come in until ${dayOfWeek(last, weeks)}`);
  screen.line(`  folder  ${folder}${stage.isTemporary() ? " (removed at the end; --keep keeps it)" : ""}`);
  const onInstall = (/** @type {string} */ text) => screen.line(`  Python  ${text}`);
  const python = await findPython({ children, folder, env, asked: options.python, onInstall });
  if ("why" in python)
    screen.bad(`no Python with DuckDB (${python.why}): by_commit and by_manifest are built by etl.mjs instead`);
  else screen.line(`  Python  ${python.program}`);
  const expectation = await computeTruth(sources.filings, { weeks, lastQuarter: last });
  const expectationFile = join(folder, "expected.json");
  writeFileSync(expectationFile, JSON.stringify(expectation));

  const stores = storesOf("program" in python ? python.program : undefined);
  const names = stores.map(({ name }) => name);
  const story = new Story({ children, screen, folder, stores, sources, rows: expectation.rows, env });
  for (const name of names) await story.build(name, 1);

  const { promise: lost, reject: lose } = withResolvers();
  lost.catch(() => {}); // heard below; the load may be lost before that
  const loadStartedAt = performance.now();
  const onCounts = screen.counts;
  const traffic = await startTraffic({ children, folder, stores: names, expectationFile, clients, env, onCounts, onLost: lose });
  screen.line();
  for (const { store, url, pid } of traffic.apps) screen.good(`app.mjs answers from ${store} on ${url} (process ${pid})`);
  screen.good(`${clients} clients ask them from now on, and follow their events`);
  story.join(traffic);
  await Promise.race([tell(story, { stores: names, weeks }), lost]);
  const loadSeconds = (performance.now() - loadStartedAt) / 1000;
  const { load, freshness } = await traffic.end();
  screen.endLive();

  const summary = summarize({
    size,
    weeks,
    rows: expectation.rows[weeks] ?? 0,
    lastDay: dayOfWeek(last, weeks),
    python,
    stores,
    steps: story.steps,
    load,
    freshness,
    clients,
    seconds: (performance.now() - startedAt) / 1000,
    loadSeconds,
    dir: stage.isTemporary() ? undefined : folder,
  });
  report(summary, folder);
  return summary.outcome === "passed";
}

/**
 * @param {ReturnType<typeof summarize>} summary
 * @param {string} folder
 */
function report(summary, folder) {
  screen.line();
  for (const text of renderSummary(summary)) screen.line(text);
  for (const failure of summary.failures ?? []) screen.bad(failure);
  for (const mismatch of summary.mismatches ?? []) screen.bad(JSON.stringify(mismatch).slice(0, 2000));
  screen.line();
  if (stage.isTemporary()) {
    screen.line("  Run it again with --keep to look around in the folder.");
  } else {
    screen.line("  Next:");
    screen.line(`    cd ${folder} && alias lockkeeper="node ${cli}"`);
    for (const command of ["status", 'query by_publish "FROM etl_run"', "releases list by_publish"])
      screen.line(`    lockkeeper ${command}`);
    const app = fileURLToPath(new URL("app.mjs", import.meta.url));
    screen.line(`    STORE=by_publish PORT=8080 node ${app}    # and open http://127.0.0.1:8080`);
  }
  if (options.json && summary.outcome === "passed") process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (options.json && summary.outcome !== "passed")
    process.stderr.write(`${describeCounts(summary.load)}\n${JSON.stringify(summary)}\n`);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        size: { type: "string", default: "m" },
        weeks: { type: "string", default: "13" },
        json: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        dir: { type: "string" },
        python: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    const weeks = Number(values.weeks);
    if (!Object.hasOwn(sizes, values.size))
      throw new Error(`--size is "${values.size}"; it is one of ${Object.keys(sizes).join(", ")}`);
    if (!Number.isInteger(weeks) || weeks < 2 || weeks > 13)
      throw new Error(`--weeks is "${values.weeks}"; it is a whole number from 2 to 13`);
    return { ...values, size: /** @type {keyof typeof sizes} */ (values.size), weeks };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return process.exit(2);
  }
}
