// @ts-check
/**
 * Runs the benches, all or the named ones, and prints ratios measured side by side in one run on this machine.
 *
 *   npm run bench -- [query] [switch] [cli] [checks] [publish] [releases] [server] [--ci] [--json]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { renderTable } from "./lib/table.mjs";

/** @typedef {import("./lib/table.mjs").Row} Row */
/** @typedef {{ ci: boolean, folder: string, log: (text: string) => void }} BenchOptions */
/** @typedef {(options: BenchOptions) => Promise<{ rows: Row[], failure?: string }>} Bench */

/** @type {Record<string, () => Promise<{ run: Bench }>>} */
const benches = {
  query: () => import("./query.mjs"),
  switch: () => import("./switch.mjs"),
  cli: () => import("./cli.mjs"),
  checks: () => import("./checks.mjs"),
  publish: () => import("./publish.mjs"),
  releases: () => import("./releases.mjs"),
  server: () => import("./server.mjs"),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ci: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench named ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}\n`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "lockkeeper-bench-"));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}
/** @type {Row[]} */
const rows = [];
/** @type {string[]} */
const failures = [];
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
    const { run } = await /** @type {() => Promise<{ run: Bench }>} */ (benches[name])();
    const result = await run({
      ci: values.ci,
      folder: mkdtempSync(join(folder, `${name}-`)),
      log: (text) => process.stderr.write(`${text}\n`),
    });
    rows.push(...result.rows);
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
  process.stdout.write(`${JSON.stringify({ schema: "lockkeeper/bench@1", machine, rows, failures })}\n`);
} else {
  process.stdout.write(`${machine.cores} × ${machine.cpu}, Node ${machine.node}, ${machine.platform}\n\n${renderTable(rows)}\n`);
}
for (const failure of failures) process.stderr.write(`${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
