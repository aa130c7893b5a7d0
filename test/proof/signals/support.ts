import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import { workspaceFolder } from "../../cli/support/cli.ts";
import { rowsBuild, storeIn, writeDatabase } from "../../support/store.ts";

const folders: string[] = [];
let template: Promise<string> | undefined;

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A build command that takes no time: it copies a database that lies in the workspace. */
export const copyEtl = ["sh", "-c", `cp prepared.duckdb "$DUCKDB_PATH"`] as const;

/** A workspace whose store `holdings` has its second release active: a copy of one that was published once for all tests of a file. */
export async function workspaceAtTwo(): Promise<string> {
  const cwd = workspaceFolder();
  cpSync(await (template ??= publishTwo()), cwd, { recursive: true });
  return cwd;
}

async function publishTwo(): Promise<string> {
  const cwd = mkdtempSync(join(tmpdir(), "lockkeeper-test-"));
  folders.push(cwd);
  await writeDatabase(join(cwd, "prepared.duckdb"), "CREATE TABLE t AS SELECT range + 1 AS n FROM range(5)");
  for (const rows of [1, 2]) await publish(storeIn(join(cwd, "data")), rowsBuild(rows));
  return cwd;
}
