// Adds up vitest's JSON reports: prints "<passed> <failed>". A report that is missing, or that failed without a failed test
// (a file that does not load), counts as one failure.
//
//   node scripts/count-tests.mjs REPORT…
import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  const report = read(path);
  passed += report?.numPassedTests ?? 0;
  failed += report === undefined || !report.success ? Math.max(report?.numFailedTests ?? 0, 1) : 0;
}
console.log(`${passed} ${failed}`);

/** @param {string} path */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
