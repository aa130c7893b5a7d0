import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultFallback, fallbackPath } from "../../src/workspace/fallback.ts";

const environment = { DUCKDB_PATH: "/data/single.duckdb", OTHER: "/data/other.duckdb", EMPTY: "", RELATIVE: "x.duckdb" };
const request = { kind: "file" as const, configured: undefined, folder: "/workspace", onlyStore: true, environment };

describe("the fallback of a store", () => {
  it("is DUCKDB_PATH by default, only where one store is meant", () => {
    expect(fallbackPath(request)).toBe("/data/single.duckdb");
    expect(fallbackPath({ ...request, onlyStore: false })).toBeUndefined();
    expect(fallbackPath({ ...request, environment: {} })).toBeUndefined();
  });

  it("is never DUCKDB_PATH inside a build, where that names the file being written", () => {
    const inBuild = { ...environment, LOCKKEEPER_BUILD_PATH: "/build/DB.duckdb" };
    expect(fallbackPath({ ...request, environment: inBuild })).toBeUndefined();
    expect(fallbackPath({ ...request, environment: inBuild, configured: "env:DUCKDB_PATH" })).toBeUndefined();
    expect(defaultFallback("file", inBuild)).toBeUndefined();
    expect(fallbackPath({ ...request, environment: inBuild, configured: "env:OTHER" })).toBe("/data/other.duckdb");
  });

  it("of Parquet tables is PARQUET_DIR by default, under the same rules", () => {
    const both = { ...environment, PARQUET_DIR: "/data/parquet" };
    const parquet = { ...request, kind: "parquet" as const, environment: both };
    expect([fallbackPath(parquet), fallbackPath({ ...parquet, environment })]).toEqual(["/data/parquet", undefined]);
    expect(fallbackPath({ ...parquet, onlyStore: false })).toBeUndefined();
    expect(defaultFallback("parquet", both)).toBe("/data/parquet");
    const inBuild = { ...both, LOCKKEEPER_BUILD_PATH: "/build/DB.duckdb" };
    for (const configured of [undefined, "env:PARQUET_DIR", "env:DUCKDB_PATH"]) {
      expect(fallbackPath({ ...parquet, environment: inBuild, configured })).toBeUndefined();
    }
    expect(fallbackPath({ ...parquet, configured: "data/parquet" })).toBe("/workspace/data/parquet");
  });

  it.each([
    ["/abs.duckdb", "/abs.duckdb"],
    ["data/x.duckdb", "/workspace/data/x.duckdb"],
    ["env:OTHER", "/data/other.duckdb"],
    ["env:EMPTY", undefined],
    ["env:UNSET", undefined],
    ["env:RELATIVE", join(process.cwd(), "x.duckdb")],
  ])("%s is %s", (configured, path) => {
    expect(fallbackPath({ ...request, configured })).toBe(path);
  });
});
