// @ts-check
/**
 * Runs the benches, all or the named ones, and prints ratios measured side by side in one run on this machine.
 *
 *   npm run bench -- [query] [switch] [cli] [checks] [publish] [artifacts] [releases] [server] [datasets] [python] [alternatives] [full] [--ci] [--json] [--switches N]
 *
 * `full` takes minutes and gigabytes and runs only when it is named. `--switches` is for `alternatives`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { renderOtherTable, renderTable } from "./lib/table.mjs";

/** @typedef {import("./lib/table.mjs").Row} Row */
/** @typedef {import("./lib/table.mjs").Table} Table */
/** @typedef {{ ci: boolean, folder: string, log: (text: string) => void, switches?: number | undefined }} BenchOptions */
/** @typedef {(options: BenchOptions) => Promise<{ rows: Row[], tables?: Table[], failure?: string }>} Bench */

/** @type {Record<string, () => Promise<{ run: Bench }>>} */
const benches = {
  query: () => import("./query.mjs"),
  switch: () => import("./switch.mjs"),
  cli: () => import("./cli.mjs"),
  checks: () => import("./checks.mjs"),
  publish: () => import("./publish.mjs"),
  artifacts: () => import("./artifacts.mjs"),
  releases: () => import("./releases.mjs"),
  server: () => import("./server.mjs"),
  datasets: () => import("./datasets.mjs"),
  python: () => import("./python.mjs"),
  alternatives: () => import("./alternatives.mjs"),
  full: () => import("./full.mjs"),
};
const onlyWhenNamed = new Set(["full"]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ci: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    switches: { type: "string" },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}\n`);
  process.exit(2);
}
const switches = values.switches === undefined ? undefined : Number(values.switches);
if (switches !== undefined && !(Number.isInteger(switches) && switches > 0)) {
  process.stderr.write(`--switches is ${values.switches}; it must be a whole number of 1 or more\n`);
  process.exit(2);
}
const named = positionals.length > 0 ? positionals : Object.keys(benches).filter((name) => !onlyWhenNamed.has(name));

const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}
/** @type {Row[]} */
const rows = [];
/** @type {Table[]} */
const tables = [];
/** @type {string[]} */
const failures = [];
try {
  for (const name of named) {
    const { run } = await /** @type {() => Promise<{ run: Bench }>} */ (benches[name])();
    const result = await run({
      ci: values.ci,
      folder: mkdtempSync(join(folder, `${name}-`)),
      switches,
      log: (text) => process.stderr.write(`${text}\n`),
    });
    rows.push(...result.rows);
    tables.push(...(result.tables ?? []));
    if (result.failure) failures.push(result.failure);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const machine = {
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
};
if (values.json) {
  process.stdout.write(`${JSON.stringify({ schema: "lockkeeper/bench@1", machine, rows, tables, failures })}\n`);
} else {
  const shown = [...(rows.length > 0 ? [renderTable(rows)] : []), ...tables.map(renderOtherTable)];
  process.stdout.write(`${machine.cores} × ${machine.cpu}, Node ${machine.node}, ${machine.platform}\n\n${shown.join("\n\n")}\n`);
}
for (const failure of failures) process.stderr.write(`${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
