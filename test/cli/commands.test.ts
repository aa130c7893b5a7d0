import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  checksResultSchema,
  pathResultSchema,
  publishResultSchema,
  storeStatusSchema,
  switchResultSchema,
} from "../../src/model/results.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { errorOf, etl, jsonOf, runCli, workspaceFolder } from "./support/cli.ts";

const word = <Name extends string>(name: Name) => ({ schema: z.literal(`lockkeeper/${name}@1` as const) });
const publishDocument = publishResultSchema.extend(word("publish"));
const switchDocument = switchResultSchema.extend(word("switch"));
const checksDocument = checksResultSchema.extend(word("checks"));
const pathDocument = pathResultSchema.extend(word("path"));
const statusDocument = z.object({ stores: z.array(storeStatusSchema) }).extend(word("status"));
const queryDocument = z
  .object({
    release: z.string(),
    version: z.int(),
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.unknown())),
  })
  .extend(word("query"));

async function publishRows(cwd: string, rows: number): Promise<z.infer<typeof publishDocument>> {
  const { code, document: value } = await jsonOf(["publish", "holdings", "--", ...etl(String(rows))], { cwd });
  expect(code).toBe(0);
  return publishDocument.parse(value);
}

async function statusOf(cwd: string): Promise<z.infer<typeof storeStatusSchema>> {
  const { document: value } = await jsonOf(["status"], { cwd });
  const [store] = statusDocument.parse(value).stores;
  if (!store) throw new Error("no store");
  return store;
}

describe("a store's life, each document by its schema", () => {
  it("publish, query, status, check, path, rollback", async () => {
    const cwd = workspaceFolder('checks = [{ check = "rows", table = "t", min = 2 }]\n');
    expect(await statusOf(cwd)).toMatchObject({ store: "holdings", kind: "release", status: "fail", detail: ["no release yet"] });

    expect(await publishRows(cwd, 2)).toMatchObject({
      outcome: "switched",
      release: "r000001",
      version: 1,
      tables: [{ name: "t", rows: 2 }],
    });
    expect(await publishRows(cwd, 3)).toMatchObject({
      release: "r000002",
      version: 2,
      previous: { release: "r000001", version: 1 },
    });

    const query = await jsonOf(["query", "holdings", "SELECT n, label FROM t ORDER BY n DESC LIMIT 1"], { cwd });
    expect(queryDocument.parse(query.document)).toMatchObject({
      release: "r000002",
      version: 2,
      columns: [
        { name: "n", type: "BIGINT" },
        { name: "label", type: "VARCHAR" },
      ],
      rows: [["3", "row 2"]],
    });

    const check = await jsonOf(["check", "holdings"], { cwd });
    expect(check.code).toBe(0);
    expect(checksDocument.parse(check.document).checks.every(({ status }) => status === "pass")).toBe(true);

    const path = await jsonOf(["path", "holdings", "t"], { cwd });
    expect(pathDocument.parse(path.document)).toMatchObject({ release: "r000002", files: [join(cwd, "data/DB_b.duckdb")] });
    expect((await runCli(["path", "holdings"], { cwd })).stdout).toBe(`${join(cwd, "data/DB_b.duckdb")}\n`);

    const back = await jsonOf(["rollback", "holdings", "--reason", "wrong prices"], { cwd });
    expect(switchDocument.parse(back.document)).toMatchObject({
      release: "r000001",
      version: 3,
      reason: "rollback",
      previous: { release: "r000002" },
    });
    expect(await statusOf(cwd)).toMatchObject({
      status: "pass",
      release: "r000001",
      version: 3,
      previous: { release: "r000002", version: 2 },
    });
  });

  it("a refused build is exit 3 and changes nothing", async () => {
    const cwd = workspaceFolder('checks = [{ check = "rows", table = "t", min = 2 }]\n');
    await publishRows(cwd, 2);
    const manifest = readFileSync(join(cwd, "data/db_manifest.json"));
    const { code, document: value } = await jsonOf(["publish", "holdings", "--", ...etl("1")], { cwd });
    expect(code).toBe(3);
    const result = publishDocument.parse(value);
    expect(result).toMatchObject({ outcome: "refused", quarantine: expect.any(String) });
    expect(result.checks).toContainEqual(expect.objectContaining({ check: "rows", status: "fail", observed: "1" }));
    const text = await runCli(["publish", "holdings", "--", ...etl("1")], { cwd });
    expect(text).toMatchObject({ code: 3, stdout: expect.stringMatching(/the build was refused[^]+ fail {2}[^]+exit 3\n$/) });
    expect(readFileSync(join(cwd, "data/db_manifest.json"))).toEqual(manifest);
  });

  it("a failed build is exit 1 with the command's output on stderr", async () => {
    const cwd = workspaceFolder();
    const { code, stdout, stderr } = await runCli(["publish", "holdings", "--", ...etl("1", "fail")], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("the source is not there\n");
    expect(stderr).toMatch(/error BUILD_FAILED: .* exited with code 4/);
  });

  it("a build without an end of line does not spoil the error's line", async () => {
    const error = await errorOf(["publish", "holdings", "--", "sh", "-c", "printf half; exit 1"], { cwd: workspaceFolder() });
    expect(error).toMatchObject({ code: "BUILD_FAILED" });
  });

  it("--quiet keeps the build's output off stderr", async () => {
    const cwd = workspaceFolder();
    const { code, stderr } = await runCli(
      ["publish", "holdings", "--quiet", "--", "sh", "-c", `echo noise; ${etl("2").join(" ")}`],
      { cwd },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("a build on the active release begins with its data", async () => {
    const cwd = workspaceFolder();
    const words = ["publish", "holdings", "--base", "active", "--", "true"];
    expect(await errorOf(words, { cwd })).toMatchObject({ code: "NO_RELEASE", exit: 10 });
    await publishRows(cwd, 2);
    const same = await jsonOf(words, { cwd });
    expect(publishDocument.parse(same.document)).toMatchObject({ release: "r000002", tables: [{ name: "t", rows: 2 }] });
  });

  it("plans change nothing", async () => {
    const cwd = workspaceFolder();
    const plan = await jsonOf(["publish", "holdings", "--dry-run", "--", ...etl("1")], { cwd });
    expect(publishDocument.parse(plan.document)).toMatchObject({ outcome: "planned", plan: { store: "holdings" } });
    expect(existsSync(join(cwd, "data"))).toBe(false);
    await publishRows(cwd, 1);
    await publishRows(cwd, 2);
    const manifest = readFileSync(join(cwd, "data/db_manifest.json"));
    const back = await jsonOf(["rollback", "holdings", "--dry-run"], { cwd });
    expect(switchDocument.parse(back.document)).toMatchObject({ outcome: "planned", release: "r000001", version: 3 });
    expect(readFileSync(join(cwd, "data/db_manifest.json"))).toEqual(manifest);
  });
});

describe("where a build command runs", () => {
  const pwdEtl = (marker: string) => JSON.stringify(["sh", "-c", `pwd > "${marker}"; exec "$0" "$@"`, ...etl("1")]);

  it("a configured one in the folder of the configuration, one after -- in the working folder", async () => {
    const marker = join(temporaryFolder(), "pwd");
    const cwd = workspaceFolder(`build = { command = ${pwdEtl(marker)} }\n`);
    const elsewhere = temporaryFolder();
    const config = ["--config", join(cwd, "lockkeeper.toml")];
    expect((await runCli([...config, "publish", "holdings"], { cwd: elsewhere })).code).toBe(0);
    expect(readFileSync(marker, "utf8").trim()).toBe(cwd);
    const words = ["publish", "holdings", "--", ...(JSON.parse(pwdEtl(marker)) as string[])];
    expect((await runCli([...config, ...words], { cwd: elsewhere })).code).toBe(0);
    expect(readFileSync(marker, "utf8").trim()).toBe(elsewhere);
  });

  it("build.timeout stops it: BUILD_TIMEOUT", async () => {
    const cwd = workspaceFolder('build = { timeout = "1s" }\n');
    const error = await errorOf(["publish", "holdings", "--", ...etl("1", "wait")], { cwd });
    expect(error).toMatchObject({ code: "BUILD_TIMEOUT", exit: 1 });
  });
});

describe("query", () => {
  it("prints aligned columns, NULL, and what could steer a terminal made visible", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd, 1);
    const { stdout } = await runCli(["query", "holdings", "SELECT 1 AS number, NULL AS nothing, chr(27) || '[31mred' AS text"], {
      cwd,
    });
    expect(stdout).toBe("number  nothing  text\n     1     NULL  \\u001b[31mred\n1 row from r000001\n");
  });

  it("refuses what is not one read-only statement, a result over --limit, a release that is not active", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd, 3);
    const refused = (sql: string, ...words: string[]) => errorOf(["query", "holdings", sql, ...words], { cwd });
    expect(await refused("DELETE FROM t")).toMatchObject({ code: "QUERY_REFUSED", exit: 2 });
    expect(await refused("SELECT 1; SELECT 2")).toMatchObject({ code: "QUERY_REFUSED", exit: 2 });
    expect(await refused("")).toMatchObject({ code: "QUERY_REFUSED", exit: 2 });
    expect(await refused("SELECT nothing FROM t")).toMatchObject({ code: "QUERY_FAILED", exit: 1 });
    expect(await refused("FROM t", "--release", "r000009")).toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
    expect(await refused("FROM t", "--limit", "2")).toMatchObject({ code: "LIMIT_ROWS", exit: 15 });
    const { document: value } = await jsonOf(["query", "holdings", "FROM t", "--limit", "3"], { cwd });
    expect(queryDocument.parse(value).rows).toHaveLength(3);
  });

  it("without manifest and fallback: NO_RELEASE, exit 10; with DUCKDB_PATH the single file, and one warning", async () => {
    const cwd = workspaceFolder();
    expect(await errorOf(["query", "holdings", "FROM t"], { cwd })).toMatchObject({ code: "NO_RELEASE", exit: 10 });
    await writeDatabase(join(cwd, "single.duckdb"), "CREATE TABLE t AS SELECT 42 AS n");
    const { code, stdout, stderr } = await runCli(["query", "holdings", "FROM t"], {
      cwd,
      env: { DUCKDB_PATH: "single.duckdb" },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ n\n42\n/);
    expect(stderr.match(/^warning: /gm)).toHaveLength(1);
    const inBuild = { DUCKDB_PATH: "single.duckdb", LOCKKEEPER_BUILD_PATH: "x" };
    expect((await runCli(["query", "holdings", "FROM t"], { cwd, env: inBuild })).code).toBe(10);
  });
});

describe("check and adopt", () => {
  it("a flipped byte fails the check: exit 3", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd, 1);
    const path = join(cwd, "data/DB_a.duckdb");
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes, Buffer.from("x")]));
    const { code, document: value } = await jsonOf(["check", "holdings"], { cwd });
    expect(code).toBe(3);
    expect(checksDocument.parse(value).checks).toContainEqual(expect.objectContaining({ check: "sha256", status: "fail" }));
  });

  it("a foreign manifest stops publish with exit 12 and names adopt, which takes the store over", async () => {
    const cwd = workspaceFolder();
    await publishRows(cwd, 1);
    writeFileSync(join(cwd, "data/db_manifest.json"), '{"active":"a","version":7}');
    const error = await errorOf(["publish", "holdings", "--", ...etl("2")], { cwd });
    expect(error).toMatchObject({ code: "FOREIGN_MANIFEST", exit: 12, hint: expect.stringContaining("adopt") });
    const { document: value } = await jsonOf(["adopt", "holdings", "--reason", "ours now"], { cwd });
    expect(switchDocument.parse(value)).toMatchObject({ reason: "adopt", version: 8 });
    await publishRows(cwd, 2);
  });
});

describe("init", () => {
  it("writes a commented configuration that is valid, once", async () => {
    const cwd = temporaryFolder();
    const first = await jsonOf(["init"], { cwd });
    expect(first.document).toEqual({
      schema: "lockkeeper/config@1",
      path: join(cwd, "lockkeeper.toml"),
      store: "analytics",
      written: true,
      findings: [],
    });
    const text = readFileSync(join(cwd, "lockkeeper.toml"), "utf8");
    expect(text).toMatch(/^# /);
    expect((await jsonOf(["config", "validate"], { cwd })).code).toBe(0);
    expect((await jsonOf(["init"], { cwd })).document).toMatchObject({ written: false });
    expect(readFileSync(join(cwd, "lockkeeper.toml"), "utf8")).toBe(text);
  });

  it("its commented examples are valid when the comment signs go", async () => {
    const cwd = temporaryFolder();
    await runCli(["init", "holdings"], { cwd });
    const path = join(cwd, "lockkeeper.toml");
    const text = readFileSync(path, "utf8");
    const uncommented = text.replaceAll(/^# (?=fallback =|build =|checks =|reader =|\]| {2}\{)/gm, "");
    expect(uncommented.match(/^# /gm)?.length).toBeLessThan(text.match(/^# /gm)?.length ?? 0);
    writeFileSync(path, uncommented);
    expect(await errorOf(["publish", "holdings", "--dry-run", "--release"], { cwd })).toMatchObject({ code: "USAGE" });
    expect(await runCli(["config", "validate"], { cwd })).toMatchObject({ code: 0, stderr: "" });
  });

  it("--from copies the file as version 1, leaves it, and makes it the fallback that deleting the manifest goes back to", async () => {
    const cwd = temporaryFolder();
    await writeDatabase(join(cwd, "TR_05.duckdb"), "CREATE TABLE t AS SELECT 5 AS n", "CREATE VIEW v AS SELECT * FROM t");
    const bytes = readFileSync(join(cwd, "TR_05.duckdb"));
    const { document: value } = await jsonOf(["init", "--from", "TR_05.duckdb", "holdings"], { cwd });
    expect(switchDocument.parse(value)).toMatchObject({ outcome: "switched", release: "r000001", version: 1 });
    expect(readFileSync(join(cwd, "TR_05.duckdb"))).toEqual(bytes);
    expect(existsSync(join(cwd, "data/holdings/TR_05_a.duckdb"))).toBe(true);
    rmSync(join(cwd, "data/holdings/db_manifest.json"));
    const { stdout } = await runCli(["query", "holdings", "SELECT n FROM v"], { cwd });
    expect(stdout).toContain("1 row from fallback");
  });

  it("--dry-run and a source that is missing leave no configuration behind", async () => {
    const cwd = temporaryFolder();
    await writeDatabase(join(cwd, "x.duckdb"), "CREATE TABLE t AS SELECT 5 AS n");
    const plan = await jsonOf(["init", "--from", "x.duckdb", "holdings", "--dry-run"], { cwd });
    expect(switchDocument.parse(plan.document)).toMatchObject({ outcome: "planned", version: 1 });
    expect((await jsonOf(["init", "--dry-run"], { cwd })).document).toMatchObject({ written: false });
    expect(await errorOf(["init", "--from", "y.duckdb", "holdings"], { cwd })).toMatchObject({ code: "FILE_MISSING", exit: 10 });
    expect(existsSync(join(cwd, "lockkeeper.toml"))).toBe(false);
  });

  it("adds a store to the file that is there, and refuses a second copy", async () => {
    const cwd = workspaceFolder("# mine");
    await writeDatabase(join(cwd, "x.duckdb"), "CREATE TABLE t AS SELECT 5 AS n");
    const before = readFileSync(join(cwd, "lockkeeper.toml"), "utf8");
    await jsonOf(["init", "--from", "x.duckdb", "other", "--dir", "stores/other"], { cwd });
    const after = readFileSync(join(cwd, "lockkeeper.toml"), "utf8");
    expect(after.startsWith(`${before}\n\n[stores.other]\n`)).toBe(true);
    expect(after).toContain('dir = "stores/other"');
    expect(await errorOf(["init", "--from", "x.duckdb", "other"], { cwd })).toMatchObject({ code: "STORE_NOT_EMPTY", exit: 12 });
    expect(await errorOf(["init", "other", "--dir", "elsewhere"], { cwd })).toMatchObject({ code: "USAGE", subject: "--dir" });
  });

  it("a stem that DuckDB keeps for itself needs --basename", async () => {
    const cwd = temporaryFolder();
    await writeDatabase(join(cwd, "main.duckdb"), "CREATE TABLE t AS SELECT 5 AS n");
    expect(await errorOf(["init", "--from", "main.duckdb", "holdings"], { cwd })).toMatchObject({
      code: "USAGE",
      subject: "--basename",
    });
    expect((await runCli(["init", "--from", "main.duckdb", "holdings", "--basename", "DB"], { cwd })).code).toBe(0);
  });
});
