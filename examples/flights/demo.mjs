// @ts-check
/**
 * The main job, on real data: an ETL publishes three million flights release by release, and a web app that answers a load
 * generator never notices. `lockkeeper demo` runs this file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withResolvers } from "../lib/children.mjs";
import { requireHono } from "../lib/requirements.mjs";
import { describeCounts, whole } from "../lib/screen.mjs";
import { createStage } from "../lib/stage.mjs";
import { findParquet } from "./demo/parquet.mjs";
import { cli, Story, tell } from "./demo/story.mjs";
import { renderComparison, renderSummary, summarize } from "./demo/summary.mjs";
import { startTraffic } from "./demo/traffic.mjs";
import { computeTruth } from "./demo/truth.mjs";
import { runWithout } from "./demo/without.mjs";

const usage = `Usage: lockkeeper demo [options]

Publishes 3,000,000 flights as releases, one more month each, under a load that checks every answer.

  --quick        three months instead of six
  --json         one document on stdout, nothing else
  --keep         keep the folder
  --dir FOLDER   use this new or empty folder, and keep it
  --data FILE    flights-3m.parquet, where vega-datasets is not installed
`;

const clients = 8;
const { values: options } = readOptions();
const stage = createStage({ name: "lockkeeper-demo-", ...options });
const { children, screen } = stage;
await stage.perform(run, "an answer failed, was mixed, or met a lock");

/** The whole demo; resolves to whether all was right. */
async function run() {
  const startedAt = performance.now();
  const parquet = findParquet(options.data);
  requireHono();
  const months = options.quick ? 3 : 6;
  const folder = stage.makeFolder();
  const storeDir = join(folder, "flights");
  writeFileSync(join(folder, "lockkeeper.toml"), configuration(parquet));
  screen.line("Lockkeeper demo: a web app that never notices its ETL\n");
  const expectation = await computeTruth(parquet, months);
  const expectationFile = join(folder, "expected.json");
  writeFileSync(expectationFile, JSON.stringify(expectation));
  screen.line(
    `  data    ${whole(expectation.rows)} flights of January to June 2001 (six flights at midnight of 1 July count as June)`,
  );
  screen.line(`  folder  ${folder}${stage.isTemporary() ? " (removed at the end; --keep keeps it)" : ""}`);
  screen.line("  files   app.mjs and etl.mjs lie in examples/flights of the package");

  const env = { ...process.env, FLIGHTS_PARQUET: parquet };
  // Neither the app's fallback nor another configuration may step in for the store of the demo.
  for (const name of ["DUCKDB_PATH", "LOCKKEEPER_CONFIG"]) Reflect.deleteProperty(env, name);
  const story = new Story({ children, screen, folder, storeDir, env });
  await story.publish(1);

  const { promise: lost, reject: lose } = withResolvers();
  lost.catch(() => {}); // heard below; the load may be lost before that
  const loadStartedAt = performance.now();
  const traffic = await startTraffic({
    children,
    folder,
    storeDir,
    expectationFile,
    clients,
    env,
    onCounts: screen.counts,
    onLost: lose,
  });
  screen.good(
    `app.mjs answers on ${traffic.url} (process ${traffic.pid}); ${clients} clients ask it without a pause from now on`,
  );
  story.join(traffic);
  await Promise.race([tell(story, months), lost]);
  const loadSeconds = (performance.now() - loadStartedAt) / 1000;
  const { load, freshness } = await traffic.end();
  screen.endLive();
  const without = await runWithout({ children, screen, folder, expectationFile, clients, env });

  const seconds = (performance.now() - startedAt) / 1000;
  const dir = stage.isTemporary() ? undefined : folder;
  const { steps } = story;
  const summary = summarize({
    steps,
    load,
    switches: traffic.switches,
    freshness,
    rows: expectation.rows,
    clients,
    seconds,
    loadSeconds,
    dir,
    etl: story.etl,
    without,
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
  screen.line();
  for (const text of renderComparison(summary)) screen.line(text);
  for (const failure of summary.failures ?? []) screen.bad(failure);
  for (const mismatch of summary.mismatches ?? []) screen.bad(JSON.stringify(mismatch));
  screen.line();
  if (stage.isTemporary()) {
    screen.line("  Run it again with --keep to look around in the folder.");
  } else {
    screen.line("  Next:");
    screen.line(`    cd ${folder} && alias lockkeeper="node ${cli}"`);
    for (const command of ["status", 'query flights "FROM monthly"', "rollback flights", "publish flights"]) {
      screen.line(`    lockkeeper ${command}`);
    }
  }
  if (options.json && summary.outcome === "passed") process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (options.json && summary.outcome !== "passed") process.stderr.write(`${describeCounts({ ...summary.load, version: 0 })}\n`);
}

/**
 * The store's configuration. January alone has 508,239 flights, so a release with fewer than 500,000 comes from a source that was cut off.
 *
 * @param {string} parquet
 */
function configuration(parquet) {
  const etl = fileURLToPath(new URL("etl.mjs", import.meta.url));
  const command = [process.execPath, etl, "--months", "6", "--data", parquet];
  return `format = 1

[stores.flights]
kind = "release"
dir = "flights"
layout = "slots"
basename = "flights"
build = { command = ${JSON.stringify(command)} }
checks = [
  { check = "tables", names = ["flights", "monthly", "airports"] },
  { check = "rows", table = "flights", min = 500000 },
  { check = "rows", table = "airports", min = 200 },
]
`;
}

function readOptions() {
  try {
    const parsed = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        dir: { type: "string" },
        data: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (parsed.values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return parsed;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return process.exit(2);
  }
}
