import { appendFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { storeStatus } from "../../src/release/status.ts";
import { atWork } from "../proof/signals/stopped.ts";
import { manifestBytes, rowsBuild, storeIn, writeDatabase } from "../support/store.ts";
import { startCli, workspaceFolder } from "./support/cli.ts";

/** Takes longer than any test: the engine has to compare 10^16 pairs. */
const endless = "SELECT a.range FROM range(100000000) AS a, range(100000000) AS b WHERE hash(a.range) = hash(b.range) + 1";

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s during the statement of a check ends it with %d: nothing changed, locks free, build gone",
  async (signal, exit) => {
    const cwd = workspaceFolder();
    const folder = join(cwd, "data");
    await publish(storeIn(folder), rowsBuild(2));
    await writeDatabase(join(cwd, "prepared.duckdb"), "CREATE TABLE t AS SELECT range + 1 AS n FROM range(5)");
    writeFileSync(join(cwd, "endless.sql"), endless);
    appendFileSync(join(cwd, "lockkeeper.toml"), `checks = [{ check = "sql", name = "endless", file = "endless.sql" }]\n`);
    const manifest = manifestBytes(folder);
    const child = startCli(["publish", "holdings", "--", "sh", "-c", 'cp prepared.duckdb "$DUCKDB_PATH"'], { cwd });
    await atWork(child);
    child.process.kill(signal);
    expect(await child.ended).toEqual({ code: exit, signal: null });
    expect(manifestBytes(folder)).toBe(manifest);
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect((await storeStatus(storeIn(folder))).lock).toBeUndefined();
    expect(await publish(storeIn(folder), rowsBuild(3))).toMatchObject({ outcome: "switched", version: 2 });
  },
);
