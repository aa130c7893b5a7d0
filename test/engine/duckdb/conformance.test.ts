import { expect, test } from "vitest";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { ReaderEngine } from "../../../src/reader/engine.ts";
import type { ReleaseEngine } from "../../../src/release/engine.ts";

test("the engine has every member that the reader and the release store ask for", () => {
  // Typed as both ports: the compiler is the test, the lines below see to it that the members are there at run time.
  const engine: ReaderEngine & ReleaseEngine = duckdbEngine(nodePlatform());
  const members: Record<keyof (ReaderEngine & ReleaseEngine), true> = {
    open: true,
    prepareSpare: true,
    dropSpare: true,
    checkpoint: true,
    inspect: true,
    views: true,
    changeViews: true,
    isOneRowOfNulls: true,
    writeEmptyParquet: true,
    parquetFooters: true,
    assertParquetEnds: true,
    digest: true,
    copy: true,
    sqlCommand: true,
    isOpenHere: true,
    closeWhenUnused: true,
  };
  for (const name of Object.keys(members)) expect(engine).toHaveProperty(name, expect.any(Function));
});
