import type { CheckResult } from "../check.ts";
import type { PublishResult } from "../results.ts";
import type { DeclaredChecks } from "./context.ts";
import { textValue, type Metadata, type PipesMessage } from "./messages.ts";

/** The check that stands for all of a release together. */
export const releaseChecks = "release_checks";

/** Results that one check's metadata lists. */
const listedMax = 100;

/** A check's name as Dagster takes it: every run of other characters than letters, digits and `_` becomes one `_`. */
export function dagsterCheckName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]+/g, "_") || "_";
}

/**
 * The results that a declared check stands for. Several results of one name are one check, which fails where one of them does; `NAME_1`, `NAME_2` are each by itself, and
 * `release_checks` is all of them. Empty where there is none.
 */
export function resultsOfCheck(name: string, results: readonly CheckResult[]): readonly CheckResult[] {
  const named = (wanted: string) => results.filter((result) => dagsterCheckName(result.name) === wanted);
  const found = named(name);
  if (found.length > 0) return found;
  if (name === releaseChecks) return results;
  const [, base = "", number = ""] = /^(.+)_([1-9]\d{0,4})$/.exec(name) ?? [];
  return named(base).slice(Number(number) - 1, Number(number));
}

/**
 * What is told of every check that an asset declares, in its order. Dagster fails a step that says nothing of a declared check: of one without a result is said that it
 * did not run, as a warning; after a refusal nothing, for the step fails anyway.
 */
export function checkMessages(result: PublishResult, declared: DeclaredChecks): PipesMessage[] {
  const messages: PipesMessage[] = [];
  for (const [asset, names] of declared) {
    for (const name of names) {
      const results = resultsOfCheck(name, result.checks);
      if (results.length === 0 && result.outcome === "refused") continue;
      messages.push({
        method: "report_asset_check",
        params: { asset_key: asset, check_name: name, ...verdictOf(results), metadata: metadataOf(name, results, result) },
      });
    }
  }
  return messages;
}

/** How many passed, failed and were skipped: `11 passed, 1 failed`. */
export function countedChecks(results: readonly CheckResult[]): string {
  const words = { pass: "passed", fail: "failed", skip: "skipped" } as const;
  const counts = (["pass", "fail", "skip"] as const)
    .map((status) => ({ status, count: results.filter((result) => result.status === status).length }))
    .filter(({ status, count }) => status === "pass" || count > 0);
  return counts.map(({ status, count }) => `${count} ${words[status]}`).join(", ");
}

function verdictOf(results: readonly CheckResult[]): { readonly passed: boolean; readonly severity: "WARN" | "ERROR" } {
  if (results.length === 0) return { passed: false, severity: "WARN" };
  const failed = results.filter(({ status }) => status === "fail");
  const graver = failed.length > 0 ? failed : results;
  return { passed: failed.length === 0, severity: graver.some(({ severity }) => severity === "error") ? "ERROR" : "WARN" };
}

function metadataOf(name: string, results: readonly CheckResult[], { release, build, quarantine }: PublishResult): Metadata {
  const place: Metadata = {
    ...(release !== undefined && { release: textValue(release) }),
    ...(release === undefined && build !== undefined && { build: textValue(build) }),
    ...(quarantine !== undefined && { quarantine: { type: "path", raw_value: quarantine } }),
  };
  // What failed is what people look for.
  const first = results.find(({ status }) => status === "fail") ?? results[0];
  if (first === undefined) return { message: textValue(`no check of the name ${name} has run`), ...place };
  if (name === releaseChecks && results.length > 1) {
    return { message: textValue(countedChecks(results)), ...listed(results.filter(({ status }) => status === "fail")), ...place };
  }
  return { ...ofResult(first), ...(results.length > 1 && listed(results)), ...place };
}

function ofResult({ name, check, status, table, column, observed, expected, message, sql }: CheckResult): Metadata {
  return {
    message: textValue(message),
    observed: textValue(observed),
    expected: textValue(expected),
    ...(table !== undefined && { table: textValue(table) }),
    ...(column !== undefined && { column: textValue(column) }),
    ...(sql !== undefined && { sql: textValue(sql) }),
    check: textValue(check),
    name: textValue(name),
    status: textValue(status),
  };
}

function listed(results: readonly CheckResult[]): Metadata {
  if (results.length === 0) return {};
  const shown = results.slice(0, listedMax);
  return {
    results: {
      type: "json",
      raw_value: shown.map(({ name, status, severity, message }) => ({ name, status, severity, message })),
    },
  };
}
