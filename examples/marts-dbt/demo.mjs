// @ts-check
/**
 * A dbt project whose marts are Parquet files, under care: a PostgreSQL of its own is filled, dbt builds eleven marts from it, and they go out as one release; a day later they do so again.
 */
import { cpSync, writeFileSync, chmodSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findPostgres, startPostgres } from "../lib/postgres.mjs";
import { DemoError } from "../lib/requirements.mjs";
import { createStage } from "../lib/stage.mjs";
import { assertExit, seconds } from "../lib/steps.mjs";
import { findDbt } from "./demo/dbt.mjs";
import { sqlFile, yesterday } from "./demo/source.mjs";

const usage = `Usage: node demo.mjs [options]

Publishes the marts of a dbt project twice, from a PostgreSQL of its own.

  --days N       days of transactions, 50 each (default: 400)
  --dbt FILE     the dbt to use
  --keep         keep the folder
  --dir FOLDER   use this new or empty folder, and keep it
`;

/** The command line of this installation. */
const cli = fileURLToPath(new URL("../../dist/bin/lockkeeper.js", import.meta.url));

const cashFlow =
  "SELECT month, income, spent, net FROM main_mart.fct_monthly_cash_flow WHERE user_id = 7 ORDER BY month DESC LIMIT 3";
const loaded = `SELECT max(day) AS spend_until, any_value(loaded_version) AS loaded_version FROM main_mart.fct_daily_spend`;

const options = readOptions();
const stage = createStage({ name: "lockkeeper-marts-", json: false, ...options });
const { children, screen } = stage;
await stage.perform(run, "the second release is not of the second day");

/** The whole demo; resolves to whether all was right. */
async function run() {
  const dbt = requireParts();
  const folder = stage.makeFolder();
  makeWorkspace(folder);
  const cluster = await startPostgres();
  try {
    screen.line("Marts of dbt: every build a release\n");
    screen.line(`  dbt         ${dbt.program}`);
    screen.line(`  PostgreSQL  on 127.0.0.1:${cluster.port}, its own, gone at the end`);
    screen.line(`  folder      ${folder}${stage.isTemporary() ? " (removed at the end; --keep keeps it)" : ""}`);
    const path = [join(folder, "bin"), dbt.env["PATH"]].join(delimiter);
    const env = { ...process.env, ...cluster.env, ...dbt.env, PATH: path, LOCKKEEPER_CONFIG: undefined, NO_COLOR: "1" };
    const through = yesterday();
    await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], { days: options.days, through });
    screen.line(`  data        ${await count(cluster)} transactions until ${through}`);
    const lockkeeper = commandLine({ folder, env });
    await lockkeeper(["publish", "marts"]);
    await lockkeeper(["query", "marts", cashFlow]);
    screen.command("psql -f postgres/advance.sql");
    await cluster.runFiles([sqlFile("advance")]);
    screen.line(`  one day more: ${await count(cluster)} transactions`);
    await lockkeeper(["publish", "marts"]);
    const [, row = ""] = (await lockkeeper(["query", "marts", loaded])).split("\n");
    await lockkeeper(["releases", "list", "marts"]);
    return row.endsWith(" 2");
  } finally {
    await cluster.remove();
  }
}

/**
 * Runs the command line as an operator would, and shows what it printed.
 *
 * @param {{ folder: string, env: NodeJS.ProcessEnv }} where
 * @returns {(words: string[]) => Promise<string>}
 */
function commandLine({ folder, env }) {
  return async (words) => {
    screen.command(`lockkeeper ${words.map((word) => (/\s/.test(word) ? JSON.stringify(word) : word)).join(" ")}`);
    const startedAt = performance.now();
    const done = await children.run([cli, ...words], { cwd: folder, env });
    for (const text of done.stdout.trimEnd().split("\n")) screen.line(`  ${text}`);
    assertExit(`lockkeeper ${words.join(" ")}`, done, 0);
    if (words[0] === "publish") screen.good(`built, checked and switched in ${seconds(performance.now() - startedAt)}`);
    return done.stdout;
  };
}

/** What the demo cannot do without. */
function requireParts() {
  const postgres = findPostgres();
  if ("why" in postgres)
    throw new DemoError("FILE_MISSING", postgres.why, {
      exit: 10,
      hint: "Install PostgreSQL's server; Debian's package is `postgresql`.",
    });
  const dbt = findDbt(options.dbt);
  if ("why" in dbt) {
    const hint = "Install `requirements.txt` of this folder with pip; in a clone run `node scripts/python-environment.mjs dbt`.";
    throw new DemoError("FILE_MISSING", `the demo needs dbt with dbt-duckdb: ${dbt.why}`, { exit: 10, hint });
  }
  return dbt;
}

/**
 * The configuration, the dbt project and `lockkeeper`, as somebody would have them.
 *
 * @param {string} folder
 */
function makeWorkspace(folder) {
  for (const name of ["lockkeeper.toml", "dbt", "postgres"])
    cpSync(fileURLToPath(new URL(name, import.meta.url)), join(folder, name), { recursive: true });
  mkdirSync(join(folder, "bin"));
  const shim = join(folder, "bin", "lockkeeper");
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(shim, 0o755);
}

/** @param {import("../lib/postgres.mjs").Cluster} cluster */
async function count(cluster) {
  const [rows = "0"] = await cluster.query("SELECT count(*) FROM finance.transaction");
  return Number(rows).toLocaleString("en-US");
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        days: { type: "string", default: "400" },
        dbt: { type: "string" },
        keep: { type: "boolean", default: false },
        dir: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    if (!/^[1-9]\d{0,3}$/.test(values.days)) throw new Error(`--days is "${values.days}"; it is a whole number from 1 to 9999`);
    return values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return process.exit(2);
  }
}
