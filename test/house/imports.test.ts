import { describe, expect, test } from "vitest";
import { importDirection, packageHomes } from "./rules/imports.ts";
import { sourceOf, sourcesBelow } from "./sources.ts";

const sources = sourcesBelow("src");

test("there are sources to look at", () => {
  expect(sources.length).toBeGreaterThan(20);
});

describe("imports go downwards", () => {
  test("in every source", () => {
    expect(importDirection(sources)).toEqual([]);
  });

  test.each([
    ["src/model/a.ts", 'import { x } from "../release/x.ts";', "model must not import release"],
    ["src/release/a.ts", 'import type { X } from "../reader/x.ts";', "release must not import reader"],
    ["src/reader/a.ts", 'export * from "../release/x.ts";', "reader must not import release"],
    ["src/engine/duckdb/a.ts", 'const x = await import("../../workspace/x.ts");', "engine must not import workspace"],
    ["src/cli/a.ts", 'export { x } from "../index.ts";', "cli must not import doors"],
    ["src/platform/a.ts", 'type X = import("../engine/x.ts").X;', "platform must not import engine"],
    ["src/helpers/a.ts", "export {};", 'folder "helpers" has no rank'],
  ])("%s: %s is refused", (path, text, message) => {
    expect(importDirection([sourceOf(path, text)])).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    ["src/release/layout/a.ts", 'import { x } from "../store.ts"; import { y } from "../../platform/y.ts";'],
    ["src/index.ts", 'export { x } from "./reader/x.ts"; export { y } from "./workspace/y.ts";'],
    ["src/cli/commands/a.ts", 'const x = await import("../../workspace/x.ts");'],
  ])("%s: %s is fine", (path, text) => {
    expect(importDirection([sourceOf(path, text)])).toEqual([]);
  });
});

describe("packages and built-in modules have a home", () => {
  test("in every source", () => {
    expect(packageHomes(sources)).toEqual([]);
  });

  test.each([
    ["src/release/a.ts", 'import { readFileSync } from "node:fs";', "only the platform touches files"],
    ["src/cli/a.ts", 'import { readFile } from "fs/promises";', "only the platform touches files"],
    ["src/reader/a.ts", 'import { setTimeout } from "node:timers/promises";', "only the platform touches files"],
    ["src/engine/duckdb/a.ts", 'import { fork } from "node:child_process";', "only the platform touches files"],
    ["src/engine/duckdb/a.ts", 'import { DuckDBInstance } from "@duckdb/node-api";', "imported at once"],
    ["src/reader/a.ts", 'import type { DuckDBInstance } from "@duckdb/node-api";', "only the engine knows the driver"],
    ["src/reader/a.ts", 'const x = await import("better-sqlite3");', "only the engine knows the driver"],
    ["src/engine/sqlite/a.ts", 'import Database from "better-sqlite3";', "imported at once"],
    ["src/release/a.ts", 'import locks from "fs-native-extensions";', "belong to the platform"],
    ["src/release/a.ts", 'import { z } from "zod";', "schemas live in the model"],
    ["src/reader/a.ts", 'import { parse } from "smol-toml";', "only the workspace"],
    ["src/model/a.ts", 'import { hostname } from "node:os";', "errors and model do no I/O"],
    ["src/client/a.ts", 'import { createHash } from "node:crypto";', "runs in browsers"],
    ["src/client/a.ts", 'import { idPattern } from "../model/names.ts";', "runs in browsers"],
    ["src/client/types.ts", 'import { z } from "zod";', "runs in browsers"],
    ["src/client/a.ts", 'import type { ErrorCode } from "../errors/codes.ts";', "runs in browsers"],
    ["src/client.ts", 'export { didYouMean } from "./model/nearest.ts";', "runs in browsers"],
  ])("%s: %s is refused", (path, text, message) => {
    expect(packageHomes([sourceOf(path, text)])).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    ["src/engine/duckdb/a.ts", 'import type * as duckdb from "@duckdb/node-api"; const api = await import("@duckdb/node-api");'],
    ["src/model/a.ts", 'import { z } from "zod"; import { join } from "node:path"; import { createHash } from "node:crypto";'],
    [
      "src/client/types.ts",
      'import type { z } from "zod"; import type { StoreEvent } from "../model/events.ts"; import { x } from "./x.ts";',
    ],
    ["src/client.ts", 'export { x } from "./client/x.ts"; export type { StoreEvent } from "./model/events.ts";'],
    ["src/platform/a.ts", 'import { open } from "node:fs/promises"; import { hostname } from "node:os";'],
  ])("%s: %s is fine", (path, text) => {
    expect(packageHomes([sourceOf(path, text)])).toEqual([]);
  });
});
