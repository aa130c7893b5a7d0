import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { readRecords } from "../../src/release/records.ts";
import type { BuildSource } from "../../src/release/store.ts";
import { rowsBuild, sha256Of, storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** Eight bytes a row: such numbers do not compress. */
const incompressible = (rows: number): BuildSource => ({
  kind: "function",
  build: ({ path }) => writeDatabase(path, `CREATE TABLE t AS SELECT hash(range) AS n FROM range(${rows})`),
});

test("FACTS 1.3: a small build is hashed through the descriptor that is open on it, a large one in a child process; either as its bytes are", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { layout: "releases" });
  const hashedByEngine: string[] = [];
  const engine = {
    ...store.engine,
    digest(paths: readonly string[], signal?: AbortSignal) {
      hashedByEngine.push(...paths);
      return store.engine.digest(paths, signal);
    },
  };
  // One chunk, and several.
  for (const rows of [10, 700_000]) await publish({ ...store, engine }, incompressible(rows));
  expect(hashedByEngine).toEqual([]);
  await publish({ ...store, engine }, incompressible(5_000_000));
  expect(hashedByEngine).toHaveLength(1);
  const records = await readRecords(store);
  expect(records.map(({ record }) => record.files[0]?.bytes ?? 0)).toEqual([
    expect.toSatisfy((bytes: number) => bytes < 1024 * 1024),
    expect.toSatisfy((bytes: number) => bytes > 1024 * 1024 && bytes < 32 * 1024 * 1024),
    expect.toSatisfy((bytes: number) => bytes > 32 * 1024 * 1024),
  ]);
  for (const { record } of records) {
    expect(record.files[0]?.sha256).toBe(sha256Of(join(folder, record.files[0]?.path ?? "")));
  }
});

test("a publish that is interrupted while a small build is sealed changes nothing", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { layout: "releases" });
  await publish(store, rowsBuild(1));
  const interrupt = new AbortController();
  const options = {
    signal: interrupt.signal,
    onProgress: (event: { readonly kind: string; readonly phase?: string }) => event.phase === "seal" && interrupt.abort(),
  };
  await expect(publish(store, rowsBuild(2), options)).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(await readRecords(store)).toHaveLength(1);
});
