// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWorkspace } from "lockkeeper";
import { buildFlights, writeConfiguration } from "./lib/data.mjs";
import { median } from "./lib/statistics.mjs";
import { plainRow } from "./lib/table.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = join(root, ".python/bin/python");
const program = existsSync(own) ? own : "python3";

/** @typedef {{ measure: string, against: string, ours: number[], theirs: number[] }} Measured */

/**
 * What a borrow of the reader for Python costs beside the same query on a cursor that is kept open, in blocks that alternate. Told without a goal.
 *
 * @type {import("./run.mjs").Bench}
 */
export async function run({ ci, folder, log }) {
  const probe = spawnSync(program, ["-c", "import duckdb"], { encoding: "utf8" });
  if (probe.status !== 0) {
    log(`python: skipped, for ${program} has no duckdb: ${probe.error?.message ?? probe.stderr.trim().split("\n").at(-1)}`);
    return { rows: [] };
  }
  const workspace = await openWorkspace({ config: writeConfiguration(folder) });
  const published = await workspace.publish("flights", ({ path }) => buildFlights(path, 1));
  const active = await workspace.path("flights");
  await workspace.close();
  log(`python: ${published.release} is published`);
  const words = [join(root, "bench/lib/python_reader.py"), join(folder, "flights"), active.files[0] ?? "", ci ? "5" : "15"];
  const child = spawnSync(existsSync(own) ? own : "python3", words, {
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: join(root, "clients/python"), PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (child.status !== 0) {
    log(
      `python: skipped, for duckdb for Python cannot run here: ${child.error?.message ?? child.stderr.trim().split("\n").at(-1)}`,
    );
    return { rows: [] };
  }
  /** @type {Measured[]} */
  const measured = JSON.parse(child.stdout);
  const rows = measured.map(({ measure, against, ours, theirs }) =>
    plainRow({ bench: "python", measure, against, ours: median(ours), theirs: median(theirs) }),
  );
  return { rows };
}
