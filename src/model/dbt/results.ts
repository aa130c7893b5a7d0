import type { CheckResult } from "../check.ts";
import type { DbtManifest, DbtNode, DbtRunResult, DbtRunResults, DbtSources } from "./files.ts";
import { cut, oneLine } from "./output.ts";
import { statementOn, type NamedTable } from "./statement.ts";

/** Commands of dbt that make tables or test them; `docs generate`, `compile` and others write results, too, of which nothing is built (FACTS 2.15). */
const building: ReadonlySet<string> = new Set(["build", "run", "seed", "snapshot", "test", "retry", "clone"]);

/** Results that are told one by one; failed ones go first. */
const resultsMax = 1_000;

/** Characters of a message, and of a statement, that are kept. */
const messageMax = 2_000;
const sqlMax = 20_000;

/** Whether results are those of a command that builds. */
export function isOfBuild({ args }: DbtRunResults): boolean {
  return building.has(args?.which ?? "");
}

/** What several commands said one after the other: of each node what was said last. */
export function mergeResults(before: readonly DbtRunResult[], now: readonly DbtRunResult[]): DbtRunResult[] {
  return [...new Map([...before, ...now].map((result) => [result.unique_id, result])).values()];
}

/** What became of a build that ended with a failure, by dbt's own word. */
export interface Verdict {
  /** Every model was built that could be, and a test failed. Anything else is a failure. */
  readonly refused: boolean;
  /** Of the first node that failed, where there is one. */
  readonly reason: string | undefined;
  /** The table that this one reads and that is not there, where that is why. */
  readonly missing: string | undefined;
}

/** Judges a build that ended with a failure. */
export function verdictOn(results: readonly DbtRunResult[]): Verdict {
  const broken = results.filter(({ status }) => isBroken(status));
  const failed = results.filter(({ unique_id, status }) => isTest(unique_id) && status === "fail");
  const [first] = broken;
  if (first === undefined) return { refused: failed.length > 0, reason: undefined, missing: undefined };
  const more = broken.length > 1 ? `, and ${broken.length - 1} more` : "";
  const message = oneLine(first.message ?? first.status);
  const [, missing] = /Catalog Error: Table with name "?([^\s"]+)"? does not exist/.exec(message) ?? [];
  return { refused: false, reason: `${first.unique_id}${more}: ${message}`, missing };
}

/**
 * What dbt's results come to, as checks: one that it has built something, and one a test, in the order of dbt, failed ones first. Its manifest tells which table and column a test is of; a
 * statement that shows the rows is given where all that it reads is among `tables`.
 */
export function resultChecks(
  results: readonly DbtRunResult[],
  manifest: DbtManifest | undefined,
  tables: readonly NamedTable[] = [],
): CheckResult[] {
  const tests = results.filter(({ unique_id }) => isTest(unique_id));
  const checks = tests.map((result) => testCheck(result, manifest, tables));
  const ordered = [...checks.filter(({ status }) => status === "fail"), ...checks.filter(({ status }) => status !== "fail")];
  return [builtCheck(results), ...ordered.slice(0, resultsMax)];
}

/** Sources that dbt found stale; a warning each, for what is refused because of them dbt itself stops. */
export function sourceChecks({ results }: DbtSources): CheckResult[] {
  return results.slice(0, resultsMax).map(({ unique_id, status, error, max_loaded_at }) => ({
    name: nameOf(unique_id),
    check: "dbt_source",
    severity: "warn",
    status: status === "pass" ? "pass" : "fail",
    observed: max_loaded_at ?? status,
    expected: "fresh",
    message: cut(`source ${unique_id}: ${error ?? `dbt says "${status}"`}`, messageMax),
  }));
}

function builtCheck(results: readonly DbtRunResult[]): CheckResult {
  const subject = {
    name: "dbt_results",
    check: "dbt_results",
    severity: "error",
    expected: "models built, and none failed",
  } as const;
  const built = results.filter(({ unique_id, status }) => !isTest(unique_id) && status === "success");
  const broken = results.filter(({ status }) => isBroken(status));
  const skipped = results.filter(({ status }) => status === "skipped");
  const counts = `${built.length} built, ${broken.length} failed, ${skipped.length} skipped`;
  const [first] = broken;
  if (first !== undefined) {
    const message = `${first.unique_id} failed in dbt: ${oneLine(first.message ?? first.status)}`;
    return { ...subject, status: "fail", observed: counts, message };
  }
  if (built.length > 0)
    return { ...subject, status: "pass", observed: counts, message: `dbt built ${counted(built.length, "model")}` };
  const why = skipped.some(({ unique_id }) => !isTest(unique_id))
    ? "what it was to build was skipped, for what comes before it failed"
    : "its selection names no model, seed or snapshot";
  const message = `dbt built nothing: ${why}`;
  return { ...subject, status: "fail", observed: counts, message };
}

function testCheck(result: DbtRunResult, manifest: DbtManifest | undefined, tables: readonly NamedTable[]): CheckResult {
  const { unique_id, message, failures, compiled_code } = result;
  const node = manifest?.nodes[unique_id];
  const model = manifest?.nodes[node?.attached_node ?? ""];
  const { status, severity } = judged(result, node);
  const subject = { name: nameOf(unique_id), check: "dbt_test", severity, status } as const;
  const isShown = status === "fail" && manifest !== undefined;
  const sql = (isShown && statementOn(compiled_code ?? "", manifest, tables)?.trim()) || "";
  return {
    ...subject,
    ...(model && { table: `${model.schema ?? ""}.${model.alias ?? model.name}` }),
    ...(node?.column_name && { column: node.column_name }),
    observed: typeof failures === "number" ? counted(failures, "row") : result.status,
    expected: "what the test allows",
    message: cut(message ?? `dbt says "${result.status}"`, messageMax),
    ...(sql !== "" && { sql: cut(sql, sqlMax) }),
  };
}

/** A test that could not be run has failed; its severity is that of its project, but for a warning that dbt gave itself. */
function judged({ status }: DbtRunResult, node: DbtNode | undefined): Pick<CheckResult, "status" | "severity"> {
  if (status === "warn") return { status: "fail", severity: "warn" };
  if (status === "fail" || isBroken(status)) return { status: "fail", severity: "error" };
  const severity = node?.config?.severity?.toLowerCase() === "warn" ? "warn" : "error";
  return { status: status === "pass" ? "pass" : "skip", severity };
}

/** `test.project.name.hash` and `unit_test.project.model.name` are known by their names. */
function nameOf(uniqueId: string): string {
  const [kind, , ...rest] = uniqueId.split(".");
  const name = kind === "test" && rest.length > 1 ? rest.slice(0, -1) : rest;
  return name.join(".") || uniqueId;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function isTest(uniqueId: string): boolean {
  return /^(?:unit_)?test\./.test(uniqueId);
}

function isBroken(status: string): boolean {
  return ["error", "runtime error", "partial success"].includes(status);
}
