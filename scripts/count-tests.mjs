// Adds up vitest's JSON reports: prints "<passed> <failed>", and on stderr what failed, by name: a long run's log is searched from its end.
// A report that is missing, or that failed without a failed test (a file that does not load), counts as one failure.
//
//   node scripts/count-tests.mjs REPORT…
import { readFileSync } from "node:fs";
import { relative } from "node:path";

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  const report = read(path);
  passed += report?.numPassedTests ?? 0;
  failed += report === undefined || !report.success ? Math.max(report?.numFailedTests ?? 0, 1) : 0;
  if (report === undefined) console.error(`FAILED: a run of tests left no report: ${path}`);
  for (const file of report?.testResults ?? []) tell(file);
}
console.log(`${passed} ${failed}`);

/** @param {{ name: string, status: string, message?: string, assertionResults: { status: string, fullName: string, failureMessages?: string[] }[] }} file */
function tell(file) {
  const tests = file.assertionResults.filter((test) => test.status === "failed");
  const name = relative(process.cwd(), file.name);
  for (const test of tests) console.error(`FAILED: ${name}: ${test.fullName}\n  ${firstLines(test.failureMessages?.[0])}`);
  if (tests.length === 0 && file.status === "failed") console.error(`FAILED: ${name}\n  ${firstLines(file.message)}`);
}

/** @param {string | undefined} message */
function firstLines(message = "") {
  return message.split("\n").slice(0, 3).join("\n  ");
}

/** @param {string} path */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
