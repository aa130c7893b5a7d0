import { join } from "node:path";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { checkSchema, type CheckResult } from "../../../src/model/check.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { Baseline } from "../../../src/release/checks/context.ts";
import { runChecks } from "../../../src/release/checks/run-checks.ts";
import { openReleaseStore } from "../../../src/release/open.ts";
import type { Platform } from "../../../src/platform/port.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** The clock of every check in these tests. */
export const now = new Date("2026-11-21T12:00:00.000Z");

/** Checks that always run. */
const always = new Set(["opens", "storage_version", "no_log", "views", "view_catalogues", "view_files", "phantom_rows"]);

/** A database with what the statements make, under its constant name. */
export async function databaseWith(...statements: string[]): Promise<string> {
  const path = join(temporaryFolder(), "DB.duckdb");
  await writeDatabase(path, ...statements);
  return path;
}

/** All results of a database. Checks as a configuration has them. */
export async function allResults(
  path: string,
  checks: readonly object[] = [],
  { baseline = { missing: "nothing before" }, buildFolder }: { readonly baseline?: Baseline; readonly buildFolder?: string } = {},
): Promise<CheckResult[]> {
  const node = nodePlatform();
  const platform: Platform = { ...node, clock: { ...node.clock, now: () => now } };
  const parsed = checks.map((check) => checkSchema.parse(check));
  const engine = duckdbEngine(platform);
  const store = openReleaseStore(
    { name: "holdings", dir: "unused", layout: "slots", checks: parsed },
    { platform, engine, sqlite: sqliteEngine(platform) },
  );
  const request = { path, basename: "DB", baseline: async () => baseline, buildFolder };
  return (await runChecks(store, request)).checks;
}

/** Results of the configured checks only. */
export async function resultsOf(path: string, checks: readonly object[], baseline?: Baseline): Promise<CheckResult[]> {
  const results = await allResults(path, checks, baseline && { baseline });
  return results.filter(({ check }) => !always.has(check));
}

/** The one result of one check. */
export async function resultOf(path: string, check: object, baseline?: Baseline): Promise<CheckResult> {
  const results = await resultsOf(path, [check], baseline);
  if (results.length !== 1 || !results[0]) throw new Error(`one result expected: ${JSON.stringify(results)}`);
  return results[0];
}

/** The rows that a result's own statement shows: what a person would see. */
export async function look(path: string, { sql }: CheckResult): Promise<readonly (readonly unknown[])[]> {
  if (sql === undefined) throw new Error("the result has no statement");
  const inspection = await duckdbEngine(nodePlatform()).inspect(path, "DB");
  try {
    return (await inspection.query(sql)).rows;
  } finally {
    await inspection.close();
  }
}

/** Names that SQL written by hand would trip over. */
export const hostileNames = [`we"ird`, "select", "MixedCase", "a b.c", "'; DROP TABLE t; --", "ключ", "n", "times"] as const;

/** A name as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
