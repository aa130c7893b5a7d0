import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Platform } from "../../src/platform/port.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import { storeStatus } from "../../src/release/status.ts";
import { manifestBytes, manifestOf, rowsBuild, startOperation, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** A publish in its own process whose build command waits for the file `go`, then writes `rows` rows. */
function slowPublish(folder: string, go: string, rows: number) {
  const build = `
    const fs = require("node:fs");
    const { DuckDBInstance } = require("@duckdb/node-api");
    console.log("building " + process.pid);
    (async () => {
      while (!fs.existsSync(${JSON.stringify(go)})) {
        // Nobody outlives a test that failed before it said "go".
        if (!fs.existsSync(${JSON.stringify(folder)})) process.exit(1);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT range AS n FROM range(${rows})");
      connection.closeSync();
      instance.closeSync();
    })();`;
  return startOperation(
    folder,
    `return publish(store, { kind: "command", argv: [process.execPath, "-e", ${JSON.stringify(build)}], folder: ${JSON.stringify(process.cwd())} },
       { onProgress: (event) => event.kind === "output" && process.stdout.write(event.chunk) });`,
  );
}

test("two publishers at once: one is locked out at once, with the owner's name, exit 11; waiting lets it in", async () => {
  const folder = temporaryFolder();
  const go = join(folder, "go");
  const first = slowPublish(folder, go, 5);
  await first.line("building");
  await expect(publish(storeIn(folder), rowsBuild(1))).rejects.toMatchObject({
    code: "BUILD_LOCKED",
    exit: 11,
    holder: { pid: first.pid },
  });
  expect(await storeStatus(storeIn(folder))).toMatchObject({
    lock: { lock: "build", held: true, pid: first.pid, purpose: "publish holdings" },
  });
  const waiting = publish(storeIn(folder), rowsBuild(6), {
    waitMs: 60_000,
    onProgress: (event) => event.kind === "waiting" && writeFileSync(go, ""),
  });
  expect(await first.line("result")).toContain(`"version":1`);
  expect(await waiting).toMatchObject({ outcome: "switched", version: 2 });
});

test("a rollback during a long build works at once, and the build then commits correctly", async () => {
  const folder = temporaryFolder();
  const go = join(folder, "go");
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  await publish(store, rowsBuild(2));
  const build = slowPublish(folder, go, 7);
  await build.line("building");
  expect(await rollback(store)).toMatchObject({ release: "r000001", version: 3 });
  writeFileSync(go, "");
  expect(JSON.parse((await build.line("result")).slice("result ".length))).toMatchObject({
    release: "r000003",
    version: 4,
    previous: { release: "r000001", version: 3 },
  });
  // FACTS 5: a slot chosen before the build would have been the one that is active by its end.
  expect(manifestOf(folder)).toMatchObject({ active: "b", version: 4 });
  expect(await valueIn(join(folder, "DB_a.duckdb"), "SELECT count(*) FROM t")).toBe("1");
  expect(await valueIn(join(folder, "DB_b.duckdb"), "SELECT count(*) FROM t")).toBe("7");
});

test("kill -9 of the publisher: the orphaned ETL keeps the build lock; after its end the next publish works and cleans up", async () => {
  const folder = temporaryFolder();
  const go = join(folder, "go");
  const store = storeIn(folder);
  await publish(store, rowsBuild(1));
  const publisher = slowPublish(folder, go, 7);
  const orphan = Number((await publisher.line("building")).slice("building ".length));
  const died = once(publisher.process, "exit");
  publisher.process.kill("SIGKILL");
  await died;
  const locked = { code: "BUILD_LOCKED", message: expect.stringContaining(`process ${publisher.pid} `) as unknown };
  // Only Linux tells who holds a lock whose note names a dead process.
  const holder = { pid: process.platform === "linux" ? orphan : publisher.pid };
  await expect(publish(store, rowsBuild(2))).rejects.toMatchObject({ ...locked, holder });
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toHaveLength(1);
  writeFileSync(go, "");
  const cleaned: string[] = [];
  const result = await publish(store, rowsBuild(3), {
    waitMs: 60_000,
    onProgress: (event) => event.kind === "cleaned" && cleaned.push(event.detail),
  });
  expect(result).toMatchObject({ outcome: "switched", version: 2 });
  expect(cleaned).toEqual([expect.stringContaining(`process ${publisher.pid}, died`), expect.stringMatching(/^removed build /)]);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
});

test("a daemon that the build command left behind keeps nothing", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  const script = `
    const { spawn } = require("node:child_process");
    const { DuckDBInstance } = require("@duckdb/node-api");
    (async () => {
      const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
      instance.closeSync();
      const daemon = spawn("sleep", ["60"], { detached: true, stdio: ["ignore", "inherit", "inherit", 3] });
      daemon.unref();
      require("node:fs").writeFileSync(${JSON.stringify(join(folder, "daemon"))}, String(daemon.pid));
    })();`;
  const source = { kind: "command", argv: [process.execPath, "-e", script], folder: process.cwd() } as const;
  try {
    expect((await publish(store, source)).outcome).toBe("switched");
    expect((await publish(store, rowsBuild(1))).outcome).toBe("switched");
  } finally {
    const daemon = join(folder, "daemon");
    if (existsSync(daemon)) process.kill(Number((await import("node:fs")).readFileSync(daemon, "utf8")), "SIGKILL");
  }
});

test.each(["install.recorded", "install.done"])(
  "a manifest that another program replaces at %s is not overwritten: MANIFEST_MOVED, and its switch stands",
  async (name) => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const foreign = JSON.stringify({ active: "a", version: 7 });
    const platform: Platform = {
      ...store.platform,
      failpoint: async (passed) => void (passed === name && writeFileSync(join(folder, "db_manifest.json"), foreign)),
    };
    const racing = publish({ ...store, platform }, rowsBuild(2));
    await expect(racing).rejects.toMatchObject({ code: "MANIFEST_MOVED", message: expect.stringContaining("db_manifest.json") });
    expect(manifestBytes(folder)).toBe(foreign);
  },
);
