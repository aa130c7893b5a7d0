import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { openReader, openWorkspace, type Workspace } from "../../src/index.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const settings = 'kind = "release"\nlayout = "slots"\nbasename = "DB"\n';

/** A workspace of the stores `holdings` and `prices`. */
async function workspaceIn(folder: string, more = ""): Promise<Workspace> {
  const path = join(folder, "lockkeeper.toml");
  writeFileSync(path, `format = 1\n[stores.holdings]\n${settings}dir = "a"\n${more}[stores.prices]\n${settings}dir = "b"\n`);
  return openWorkspace({ config: path });
}

const build = (n: number) => (context: { readonly path: string }) =>
  writeDatabase(context.path, `CREATE TABLE t AS SELECT ${n} AS n`);

describe("openWorkspace", () => {
  it("publishes with a function, reads, rolls back, and tells the status of all stores", async () => {
    const folder = temporaryFolder();
    const workspace = await workspaceIn(folder);
    expect(workspace.stores).toEqual(["holdings", "prices"]);
    expect(workspace.configPath).toBe(join(folder, "lockkeeper.toml"));
    await workspace.publish("holdings", build(1));
    const reader = await openReader({ workspace, store: "holdings" });
    expect((await reader.query("FROM t")).rows).toEqual([[1]]);
    expect(await workspace.publish("holdings", build(2))).toMatchObject({ outcome: "switched", release: "r000002", version: 2 });
    expect((await reader.query("FROM t")).rows).toEqual([[2]]);
    expect(await workspace.rollback("holdings", { reason: "test" })).toMatchObject({ release: "r000001", version: 3 });
    expect((await reader.query("FROM t")).version).toBe(3);
    expect(await workspace.path("holdings", { table: "t" })).toMatchObject({ files: [join(folder, "a/DB_a.duckdb")] });
    expect((await workspace.status()).map(({ store, version }) => [store, version])).toEqual([
      ["holdings", 3],
      ["prices", undefined],
    ]);
    await workspace.close();
    await expect(reader.query("FROM t")).rejects.toMatchObject({ code: "READER_CLOSED" });
    await expect(workspace.status()).rejects.toMatchObject({ code: "READER_CLOSED" });
  });

  it("refuses a store that is not configured, a name every object has included", async () => {
    const workspace = await workspaceIn(temporaryFolder());
    for (const store of ["holding", "constructor", "__proto__"]) {
      await expect(workspace.check(store)).rejects.toMatchObject({ code: "STORE_UNKNOWN", exit: 10 });
    }
    await workspace.close();
  });

  it("watches: events of one store or all, ages, locks; closing it ends a loop that follows", async () => {
    const workspace = await workspaceIn(temporaryFolder());
    await workspace.publish("holdings", build(1));
    await workspace.publish("prices", build(1));
    const told: unknown[] = [];
    for await (const { store, id } of workspace.events()) told.push([store, id]);
    for await (const { store, id } of workspace.events({ store: "prices", after: 0 })) told.push([store, id]);
    expect(told).toEqual([
      ["holdings", 1],
      ["prices", 1],
      ["prices", 1],
    ]);
    expect(await workspace.freshness({ maxAgeMs: 3_600_000 })).toMatchObject([
      { store: "holdings", status: "pass" },
      { store: "prices", status: "pass" },
    ]);
    expect(await workspace.freshness({ store: "prices" })).toHaveLength(1);
    const { locks, pins } = await workspace.locks();
    expect(locks.map(({ store, lock }) => `${store} ${lock}`)).toEqual([
      "holdings writer",
      "holdings build",
      "prices writer",
      "prices build",
    ]);
    expect(pins.map(({ store }) => store)).toEqual(["holdings", "prices"]);
    const events = workspace.events({ store: "holdings", follow: true });
    expect((await events.next()).value).toMatchObject({ id: 1 });
    const next = events.next().catch((error: unknown) => error);
    await workspace.close();
    expect(await next).toMatchObject({ code: "INTERRUPTED" });
    await expect(workspace.events().next()).rejects.toMatchObject({ code: "READER_CLOSED" });
  });

  it("refuses an id of an event that is none, or could be one of two stores", async () => {
    const workspace = await workspaceIn(temporaryFolder());
    for (const after of [1.5, -1, "last", "1+x"]) {
      await expect(workspace.events({ store: "holdings", after }).next()).rejects.toMatchObject({
        code: "USAGE",
        subject: "after",
      });
    }
    await expect(workspace.events({ after: 1 }).next()).rejects.toMatchObject({ code: "USAGE", subject: "after" });
    await expect(workspace.events({ store: "holding" }).next()).rejects.toMatchObject({ code: "STORE_UNKNOWN" });
    await expect(workspace.freshness({ store: "holding" })).rejects.toMatchObject({ code: "STORE_UNKNOWN" });
    await workspace.close();
  });

  it("tells a line that it cannot tell as Node tells its warnings, unless somebody takes it", async () => {
    const folder = temporaryFolder();
    const workspace = await workspaceIn(folder);
    await workspace.publish("holdings", build(1));
    appendFileSync(join(folder, "a/.lockkeeper/history.jsonl"), "half a line\n");
    const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const taken: string[] = [];
    for await (const _ of workspace.events({ store: "holdings", onWarning: (detail) => taken.push(detail) }));
    expect([taken, emitted.mock.calls.length]).toEqual([[expect.stringContaining("holdings: line 2 of ")], 0]);
    for await (const _ of workspace.events({ store: "holdings" }));
    expect(emitted).toHaveBeenCalledWith(taken[0], "LockkeeperWarning");
    emitted.mockRestore();
    await workspace.close();
  });

  it("builds on the active release, and refuses a base that is none and a build that is missing", async () => {
    const workspace = await workspaceIn(temporaryFolder());
    await expect(workspace.publish("holdings", build(1), { base: "active" })).rejects.toMatchObject({ code: "NO_RELEASE" });
    await workspace.publish("holdings", build(1));
    const adding = (context: { readonly path: string }) => writeDatabase(context.path, "INSERT INTO t VALUES (2)");
    expect(await workspace.publish("holdings", adding, { base: "active" })).toMatchObject({ tables: [{ name: "t", rows: 2 }] });
    // What JavaScript may pass, whatever the type says.
    await expect(workspace.publish("holdings", adding, { base: "r000001" as "active" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(workspace.publish("holdings")).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("build.command"),
    });
    await workspace.close();
  });

  it("runs the SQL of the file in its folder, and the caller's in the caller's", async () => {
    const folder = temporaryFolder();
    const workspace = await workspaceIn(folder, 'build = { sql = "make.sql" }\n');
    writeFileSync(join(folder, "make.sql"), "CREATE TABLE t AS SELECT * FROM read_text('lockkeeper.toml')");
    expect(await workspace.publish("holdings")).toMatchObject({ outcome: "switched", tables: [{ name: "t", rows: 1 }] });
    const other = join(folder, "a/other.sql");
    writeFileSync(other, "CREATE TABLE u AS SELECT * FROM read_text('db_manifest.json')");
    const elsewhere = { sql: "other.sql", folder: join(folder, "a") };
    expect(await workspace.publish("holdings", elsewhere)).toMatchObject({ tables: [{ name: "u", rows: 1 }] });
    await workspace.close();
  });

  it("runs the checks of the file", async () => {
    const workspace = await workspaceIn(temporaryFolder(), 'checks = [{ check = "rows", table = "t", min = 2 }]\n');
    expect(await workspace.publish("holdings", build(1))).toMatchObject({ outcome: "refused" });
    await workspace.close();
  });

  it("close stops a build that is running and waits for it", async () => {
    const folder = temporaryFolder();
    const workspace = await workspaceIn(folder);
    const seen: string[] = [];
    const publishing = workspace.publish("holdings", async ({ signal, path }) => {
      writeFileSync(path, "half");
      const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      void workspace.close().then(() => seen.push("closed"));
      await aborted;
      seen.push("stopped");
    });
    await expect(publishing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await workspace.close();
    expect(seen[0]).toBe("stopped");
    expect(existsSync(join(folder, "a/db_manifest.json"))).toBe(false);
  });

  it("a caller's signal stops a build", async () => {
    const workspace = await workspaceIn(temporaryFolder());
    const controller = new AbortController();
    const publishing = workspace.publish("holdings", () => Promise.resolve(controller.abort()), { signal: controller.signal });
    await expect(publishing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await workspace.close();
  });
});

describe("openReader", () => {
  it("on a folder falls back to DUCKDB_PATH; a store of several in a workspace does not", async () => {
    const folder = temporaryFolder();
    const single = join(folder, "single.duckdb");
    await writeDatabase(single, "CREATE TABLE t AS SELECT 9 AS n");
    vi.stubEnv("DUCKDB_PATH", single);
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      const reader = await openReader({ dir: join(folder, "a"), basename: "DB" });
      expect(await reader.query("FROM t")).toMatchObject({ release: "fallback", rows: [[9]] });
      await reader.close();
      expect(warned).toHaveBeenCalledTimes(1);
      const workspace = await workspaceIn(folder);
      await expect(workspace.openReader("holdings")).rejects.toMatchObject({ code: "NO_RELEASE" });
      await workspace.close();
    } finally {
      warned.mockRestore();
      vi.unstubAllEnvs();
    }
  });

  it("a manifest of a store is only read: reading leaves its bytes", async () => {
    const folder = temporaryFolder();
    const workspace = await workspaceIn(folder, 'fallback = "single.duckdb"\nreader = { wait = "10s" }\n');
    await workspace.publish("holdings", build(1));
    const manifest = join(folder, "a/db_manifest.json");
    const bytes = readFileSync(manifest);
    await workspace.openReader("holdings");
    expect(workspace.readerOptions("holdings")).toMatchObject({
      dir: join(folder, "a"),
      fallback: join(folder, "single.duckdb"),
      waitMs: 10_000,
    });
    await workspace.close();
    expect(readFileSync(manifest)).toEqual(bytes);
    rmSync(manifest);
  });
});
