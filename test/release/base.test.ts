import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LayoutKind } from "../../src/model/layout.ts";
import { releasePath } from "../../src/release/path.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { BuildContext, BuildSource, ReleaseStore } from "../../src/release/store.ts";
import { readerOn } from "../reader/support/real-reader.ts";
import {
  historyOf,
  manifestBytes,
  manifestOf,
  rowsBuild,
  sha256Of,
  startOperation,
  storeIn,
  valueIn,
  writeDatabase,
  writeFromOutside,
} from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const onBase = { base: "active" } as const;

/** A build that adds to what is at its path, and does something else first. */
function adding(sql: string, first?: (context: BuildContext) => Promise<unknown>): BuildSource {
  return {
    kind: "function",
    async build(context) {
      await first?.(context);
      await writeDatabase(context.path, sql);
    },
  };
}

const oneMore = (first?: (context: BuildContext) => Promise<unknown>) => adding("INSERT INTO t SELECT max(n) + 1 FROM t", first);

describe.each<LayoutKind>(["slots", "releases"])("layout %s", (layout) => {
  const open = (folder: string): ReleaseStore => storeIn(folder, { layout });
  const activeFile = async (folder: string) => (await releasePath(open(folder))).files[0] ?? "";
  const rowsOf = async (folder: string) => Number(await valueIn(await activeFile(folder), "SELECT count(*)::INT FROM t"));

  test("a build on a base changes a part: the rest is there, the active file is the same byte for byte, and the record names the base", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(
      store,
      rowsBuild(3, "CREATE TABLE kept AS SELECT 42 AS answer", "CREATE VIEW v AS SELECT max(n) AS top FROM t"),
    );
    const base = await activeFile(folder);
    const [inode, sha256] = [statSync(base).ino, sha256Of(base)];
    const { plan } = await publish(store, oneMore(), { ...onBase, dryRun: true });
    expect(plan?.steps[0]).toMatchObject({ action: "copy", subject: base });
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    let seen: unknown;
    const result = await publish(
      store,
      oneMore(async ({ path, base: given }) => {
        seen = { mode: statSync(path).mode & 0o777, links: statSync(path).nlink, inode: statSync(path).ino === inode, given };
      }),
      onBase,
    );
    expect(seen).toEqual({ mode: 0o644, links: 1, inode: false, given: { path: base, release: "r000001", version: 1 } });
    expect(result).toMatchObject({ outcome: "switched", release: "r000002", previous: { release: "r000001", version: 1 } });
    expect([statSync(base).ino, sha256Of(base)]).toEqual([inode, sha256]);
    expect(await valueIn(await activeFile(folder), "SELECT concat_ws(' ', top, (SELECT answer FROM kept)) FROM v")).toBe("4 42");
    const record = JSON.parse(
      readFileSync(join(folder, (manifestOf(folder)["record"] as { path: string }).path), "utf8"),
    ) as object;
    expect(record).toMatchObject({ parent: "r000001", base: { release: "r000001", version: 1 } });
    await publish(store, rowsBuild(2));
    const full = readFileSync(join(folder, (manifestOf(folder)["record"] as { path: string }).path), "utf8");
    expect(JSON.parse(full)).not.toHaveProperty("base");
  });

  test("without a release there is nothing to begin with; a plan says so too", async () => {
    const folder = temporaryFolder();
    for (const dryRun of [true, false]) {
      await expect(publish(open(folder), oneMore(), { ...onBase, dryRun })).rejects.toMatchObject({
        code: "NO_RELEASE",
        exit: 10,
      });
    }
    expect(existsSync(join(folder, "db_manifest.json"))).toBe(false);
  });

  test("a rollback during the build: the build is refused, kept whole in quarantine, and a full rebuild commits on top", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const building = publish(
      store,
      oneMore(() => rollback(store)),
      onBase,
    );
    await expect(building).rejects.toMatchObject({
      code: "BASE_MOVED",
      exit: 12,
      message: expect.stringMatching(/began as a copy of r000002, version 2; r000001 is active now, as version 3/),
    });
    expect(await rowsOf(folder)).toBe(1);
    const [kept = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
    expect(await valueIn(join(folder, ".lockkeeper/quarantine", kept, "DB.duckdb"), "SELECT count(*)::INT FROM t")).toBe("3");
    expect(historyOf(folder).at(-1)).toMatchObject({ type: "build.failed", build: kept });
    expect(await publish(store, rowsBuild(9))).toMatchObject({ outcome: "switched" });
    expect(await publish(store, oneMore(), onBase)).toMatchObject({ outcome: "switched" });
    expect(await rowsOf(folder)).toBe(10);
  });

  test("a reader of this process keeps its lock on the file that is copied (FACTS 1.3: a copy in this process would drop it)", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(3));
    const active = await activeFile(folder);
    const reader = await readerOn(folder);
    await reader.query("SELECT count(*) FROM t");
    let outside = "";
    const build = oneMore(async () => {
      chmodSync(active, 0o644);
      outside = await writeFromOutside(active, "INSERT INTO t VALUES (77)");
    });
    await publish(store, build, onBase);
    expect(outside).toMatch(/Conflicting lock/);
    expect((await reader.query("SELECT count(*)::INT FROM t")).rows).toEqual([[4]]);
  });

  test("a switch in the middle of the copy begins it anew, on what is active then", async () => {
    const folder = temporaryFolder();
    await publish(open(folder), rowsBuild(1));
    await publish(open(folder), rowsBuild(2));
    const child = startOperation(
      { dir: folder, layout },
      `let attempts = 0;
       const platform = { ...store.platform, async failpoint(name) {
         if (name === "base.held" && ++attempts === 1) await rollback({ ...store, platform: { ...store.platform, failpoint: async () => {} } });
       } };
       const build = async ({ path, base }) => {
         const instance = await DuckDBInstance.create(path);
         const connection = await instance.connect();
         await connection.run("INSERT INTO t VALUES (100)");
         connection.closeSync();
         instance.closeSync();
         console.log("base " + base.release);
       };
       await publish({ ...store, platform }, { kind: "function", build }, { base: "active" });
       return attempts;`,
    );
    expect(await child.line("base ")).toBe("base r000001");
    expect(await child.line("result ")).toBe("result 2");
    expect(await rowsOf(folder)).toBe(2);
  });

  test.each(["base.held", "base.copied"])("killed at %s: nothing changed, and the next one works", async (failpoint) => {
    const folder = temporaryFolder();
    await publish(open(folder), rowsBuild(2));
    const manifest = manifestBytes(folder);
    const child = startOperation({ dir: folder, layout }, `return publish(store, rowsBuild(3), { base: "active" });`, {
      LOCKKEEPER_FAILPOINTS: `${failpoint}=kill`,
    });
    expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
    expect(manifestBytes(folder)).toBe(manifest);
    expect(await publish(open(folder), oneMore(), onBase)).toMatchObject({ outcome: "switched", version: 2 });
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect(await rowsOf(folder)).toBe(3);
  });

  test("FACTS 2.6: an active file with a write-ahead log beside it is not copied without its rows", async () => {
    const folder = temporaryFolder();
    await publish(open(folder), rowsBuild(2));
    writeFileSync(`${await activeFile(folder)}.wal`, "rows of another program");
    await expect(publish(open(folder), oneMore(), onBase)).rejects.toMatchObject({
      code: "CHECKSUM_MISMATCH",
      message: expect.stringContaining("write-ahead log"),
    });
    expect(await publish(open(folder), rowsBuild(1))).toMatchObject({ outcome: "switched" });
  });

  test("a copy that is interrupted ends at once, and the build is gone", async () => {
    const folder = temporaryFolder();
    const store = open(folder);
    await publish(store, rowsBuild(2));
    const active = await activeFile(folder);
    chmodSync(active, 0o644);
    // Sparse, so that copying it would take minutes where the file system cannot share blocks.
    truncateSync(active, 64 * 2 ** 30);
    const stop = new AbortController();
    const platform = {
      ...store.platform,
      async failpoint(name: string) {
        if (name === "base.held") stop.abort();
      },
      disk: { ...store.platform.disk, freeBytes: async () => 2 ** 50 },
    };
    await expect(publish({ ...store, platform }, oneMore(), { ...onBase, signal: stop.signal })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect(manifestOf(folder)).toMatchObject({ version: 1 });
  });
});

test("switches that do not end are an error, and leave no build", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const platform = {
    ...store.platform,
    async failpoint(name: string) {
      if (name === "base.held") await rollback(store);
    },
  };
  await expect(publish({ ...store, platform }, oneMore(), onBase)).rejects.toMatchObject({
    code: "BASE_MOVED",
    message: expect.stringContaining("changed 3 times"),
  });
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});

test("a rollback and another one back are switches, too: what is active has the same bytes, but the build is refused", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const twice = oneMore(async () => {
    await rollback(store);
    await rollback(store);
  });
  await expect(publish(store, twice, onBase)).rejects.toMatchObject({ code: "BASE_MOVED" });
  expect(manifestOf(folder)).toMatchObject({ release: "r000002", version: 4 });
});

test("another program that switches the slots during the build: exit 12, and the build is kept", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(2));
  const foreign = oneMore(async () => {
    await writeDatabase(join(folder, "DB_b.duckdb"), "CREATE TABLE t AS SELECT 1 AS n");
    writeFileSync(join(folder, "db_manifest.json"), `{"active":"b","version":2}`);
  });
  await expect(publish(store, foreign, onBase)).rejects.toMatchObject({ code: "FOREIGN_MANIFEST", exit: 12 });
  const [kept = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
  expect(readdirSync(join(folder, ".lockkeeper/quarantine", kept))).toContain("DB.duckdb");
  expect(manifestBytes(folder)).toBe(`{"active":"b","version":2}`);
});

test("a writer inside the active slot is SLOT_BUSY: half a transaction is no base", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(2));
  const writer = startOperation(
    folder,
    `const instance = await DuckDBInstance.create(${JSON.stringify(join(folder, "DB_a.duckdb"))});
     console.log("inside");
     await new Promise((resolve) => process.stdin.once("data", resolve));
     instance.closeSync();
     process.exit(0);`,
  );
  await writer.line("inside");
  await expect(publish(store, oneMore(), onBase)).rejects.toMatchObject({ code: "SLOT_BUSY", exit: 11 });
  writer.send("end");
  await writer.ended;
  expect(await publish(store, oneMore(), onBase)).toMatchObject({ outcome: "switched" });
});

test("an active file that is gone or no file is named, not replaced by an empty build", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(2));
  const { rmSync } = await import("node:fs");
  rmSync(join(folder, "DB_a.duckdb"));
  await expect(publish(store, oneMore(), onBase)).rejects.toMatchObject({
    code: "FILE_MISSING",
    subject: join(folder, "DB_a.duckdb"),
  });
  mkdirSync(join(folder, "DB_a.duckdb"));
  await expect(publish(store, oneMore(), onBase)).rejects.toMatchObject({ message: expect.stringContaining("DB_a.duckdb") });
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});
