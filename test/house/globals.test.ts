import { expect, test } from "vitest";
import { globalHomes } from "./rules/globals.ts";
import { sourceOf, sourcesBelow } from "./sources.ts";

test("timers, signals, printing and ending the process have a home in every source", () => {
  expect(globalHomes(sourcesBelow("src"))).toEqual([]);
});

test.each([
  ["src/reader/a.ts", "setTimeout(() => undefined, 5);", "setTimeout"],
  ["src/release/a.ts", "const later = globalThis.setInterval;", "setInterval"],
  ["src/engine/duckdb/registry.ts", "process.kill(1, 0);", "process.kill"],
  ["src/workspace/a.ts", 'await fetch("http://127.0.0.1/");', "fetch"],
  ["src/workspace/a.ts", 'console.log("x");', "console"],
  ["src/reader/a.ts", 'process.stderr.write("x");', "process.stderr"],
  ["src/platform/a.ts", "process.exitCode = 1;", "process.exitCode"],
  ["src/index.ts", "process.exit();", "process.exit"],
])("%s: %s is refused", (path, text, name) => {
  expect(globalHomes([sourceOf(path, text)])).toEqual([expect.stringContaining(`${name}: `)]);
});

test.each([
  ["src/platform/a.ts", "setTimeout(() => process.kill(1), 5);"],
  ["src/cli/a.ts", 'process.stdout.write("x"); process.exit(1);'],
  ["src/engine/duckdb/digest-worker.ts", 'process.stdout.write("{}");'],
  ["src/reader/a.ts", "clock.setTimeout(5); const clock = { setTimeout() {} }; process.emitWarning(process.cwd());"],
])("%s: %s is fine", (path, text) => {
  expect(globalHomes([sourceOf(path, text)])).toEqual([]);
});
