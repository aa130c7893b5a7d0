import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openWorkspace, type NamedQuery, type Workspace } from "../../src/index.ts";
import { boundStatement, queryFilesMax } from "../../src/model/named-query.ts";
import { parseParameters } from "../../src/model/query-request.ts";
import { runCli } from "../cli/support/cli.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** A folder with a configuration whose store has these queries, and files beside it. */
function folderWith(files: Readonly<Record<string, string | Buffer>>, queries = "queries/*.sql"): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const store = `[stores.holdings]\nkind = "release"\ndir = "data"\n`;
  writeFileSync(join(folder, "lockkeeper.toml"), `format = 1\n${store}${queries === "" ? "" : `queries = "${queries}"\n`}`);
  return folder;
}

async function workspaceIn(folder: string): Promise<Workspace> {
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  onTestFinished(() => workspace.close());
  return workspace;
}

const select = (text: string) => `SELECT '${text}' AS text`;

test("the files of a folder are queries by their names; others are passed over, and a link is followed", async () => {
  const folder = folderWith({
    "queries/b.sql": select("b"),
    "queries/.c.sql": "",
    "queries/d.txt": "",
    "other/e.sql": select("e"),
  });
  symlinkSync("../other/e.sql", join(folder, "queries/a.sql"));
  const queries = await (await workspaceIn(folder)).namedQueries("holdings");
  expect(queries.map(({ name, sql }) => [name, sql])).toEqual([
    ["a", select("e")],
    ["b", select("b")],
  ]);
});

test("one file, or none where the store has no such key", async () => {
  const one = await workspaceIn(folderWith({ "sql/b.sql": select("b") }, "sql/b.sql"));
  expect((await one.namedQueries("holdings")).map(({ name }) => name)).toEqual(["b"]);
  const none = await workspaceIn(folderWith({}, ""));
  expect(await none.namedQueries("holdings")).toEqual([]);
  await expect(none.namedQueries("holding")).rejects.toMatchObject({ code: "STORE_UNKNOWN" });
});

test.each<[string, () => string, string]>([
  ["no folder", () => folderWith({}), "queries does not exist"],
  ["a file for a folder", () => folderWith({ queries: "" }), "queries is not a folder"],
  ["a folder without SQL", () => folderWith({ "queries/a.txt": "" }), "holds no file whose name ends in .sql"],
  ["no file", () => folderWith({ "sql/tops.sql": "" }, "sql/top.sql"), 'top.sql: does not exist; did you mean "tops.sql"?'],
  ["a folder for a file", () => folderWith({ "queries/a.sql/b": "" }), "a.sql: is not a regular file"],
  ["a large file", () => folderWith({ "queries/a.sql": `SELECT 1${" ".repeat(100_000)}` }), "at most 100000 are read"],
  ["bytes that are no text", () => folderWith({ "queries/a.sql": Buffer.from([0xff]) }), "is not text in UTF-8"],
  ["a name that cannot be", () => folderWith({ "queries/Top 10.sql": "SELECT 1" }), '"Top 10" is no name of a query'],
  [
    "too many files",
    () => folderWith(Object.fromEntries(Array.from({ length: queryFilesMax + 1 }, (_, index) => [`queries/q${index}.sql`, ""]))),
    "holds 501 SQL files; at most 500 are read",
  ],
])("%s is CONFIG_INVALID", async (_, make, text) => {
  const workspace = await workspaceIn(make());
  await expect(workspace.namedQueries("holdings")).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(text),
  });
});

test.skipIf(process.getuid?.() === 0)("a file and a folder that this user may not read", async () => {
  const folder = folderWith({ "queries/a.sql": "SELECT 1" });
  const workspace = await workspaceIn(folder);
  chmodSync(join(folder, "queries/a.sql"), 0);
  await expect(workspace.namedQueries("holdings")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  chmodSync(join(folder, "queries"), 0);
  onTestFinished(() => chmodSync(join(folder, "queries"), 0o755));
  await expect(workspace.namedQueries("holdings")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("every fault of every file is told, by config validate too; a publish does not look at them", async () => {
  const folder = folderWith({ "queries/a.sql": "SELECT $b, ?", "queries/b.sql": "SELECT 1", "queries/c.sql": "" });
  const workspace = await workspaceIn(folder);
  const wanted = [
    {
      code: "CONFIG_INVALID",
      severity: "error",
      store: "holdings",
      detail: expect.stringContaining("a.sql: line 1: $b is not declared"),
    },
    { subject: join(folder, "queries/a.sql"), detail: expect.stringContaining("a.sql: line 1: ? is a parameter by position") },
    { subject: join(folder, "queries/c.sql"), detail: expect.stringContaining("c.sql: holds no statement") },
  ];
  await expect(workspace.namedQueries("holdings")).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/a\.sql: line 1: .* \(and 2 more\)$/),
    findings: wanted,
  });
  const { code, stdout } = await runCli(["config", "validate", "--json"], { cwd: folder });
  expect(code).toBe(3);
  expect((JSON.parse(stdout) as { findings: unknown }).findings).toMatchObject(wanted);
  const build = ({ path }: { readonly path: string }) => writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
  expect(await workspace.publish("holdings", build)).toMatchObject({ outcome: "switched" });
});

/** Rows of a named query of an active release, its parameters as a request says them. */
async function rowsOf(workspace: Workspace, query: NamedQuery | undefined, given: Readonly<Record<string, readonly string[]>>) {
  if (query === undefined) throw new Error("no query");
  const { values, findings } = parseParameters(query, new Map(Object.entries(given)));
  expect(findings).toEqual([]);
  const { sql, parameters } = boundStatement(query, values ?? new Map());
  return (await workspace.queryRelease("holdings", { release: "r000001", sql, parameters })).rows;
}

test("the engine gets each parameter in its type, NULL and lists included, exact", async () => {
  const types = ["integer", "number", "decimal", "text", "boolean", "date", "timestamp"];
  const all = types.flatMap((type) => [
    `-- param ${type}_one: ${type}`,
    `-- param ${type}_many: ${type}[]`,
    `-- param ${type}_none: ${type} = null`,
    `-- param ${type}_empty: ${type}[] = []`,
  ]);
  const columns = types.flatMap((type) =>
    ["one", "many", "none", "empty"].map((which) => `typeof($${type}_${which}), CAST($${type}_${which} AS VARCHAR)`),
  );
  const folder = folderWith({ "queries/all.sql": `${all.join("\n")}\nSELECT ${columns.join(",\n  ")}` });
  const workspace = await workspaceIn(folder);
  await workspace.publish("holdings", ({ path }) => writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n"));
  const [query] = await workspace.namedQueries("holdings");
  const values: Readonly<Record<string, readonly [text: string, type: string, shown: string]>> = {
    integer: ["9007199254740993", "BIGINT", "9007199254740993"],
    number: ["7", "DOUBLE", "7.0"],
    decimal: ["12345678901234567890.123456789", "DECIMAL(29,9)", "12345678901234567890.123456789"],
    text: ["it's $text_one", "VARCHAR", "it's $text_one"],
    boolean: ["true", "BOOLEAN", "true"],
    date: ["2026-11-20", "DATE", "2026-11-20"],
    timestamp: ["2026-11-20T03:04:05.123456+01:00", "TIMESTAMP", "2026-11-20 02:04:05.123456"],
  };
  const quoted: Readonly<Record<string, string>> = { text: `'it\\'s $text_one'`, timestamp: "'2026-11-20 02:04:05.123456'" };
  const given = Object.entries(values).flatMap<[string, string[]]>(([type, [text]]) => [
    [`${type}_one`, [text]],
    [`${type}_many`, [text, text]],
  ]);
  const [row = []] = await rowsOf(workspace, query, Object.fromEntries(given));
  const wanted = types.flatMap((type) => {
    const [, sqlType = "", shown = ""] = values[type] ?? [];
    const item = quoted[type] ?? shown;
    const untyped = type === "decimal" ? "DECIMAL(18,3)" : sqlType;
    return [sqlType, shown, `${sqlType}[]`, `[${item}, ${item}]`, untyped, null, `${untyped}[]`, "[]"];
  });
  expect(row).toEqual(wanted);
});

test("the query that docs/queries.md shows runs, with and without what may be left out", async () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/queries.md", import.meta.url)), "utf8");
  const files = [...page.matchAll(/<!-- query: (\w+) -->\n```sql\n([^]*?)```/g)].map<[string, string]>(([, name, sql]) => [
    `queries/${name}.sql`,
    sql ?? "",
  ]);
  expect(files).toHaveLength([...page.matchAll(/^```sql$/gm)].length);
  const workspace = await workspaceIn(folderWith(Object.fromEntries(files)));
  await workspace.publish("holdings", ({ path }) =>
    writeDatabase(path, "CREATE TABLE holdings AS SELECT 1 AS cik, 'A' || range AS asset, 100 + range AS shares FROM range(25)"),
  );
  const [query] = await workspace.namedQueries("holdings");
  expect(query).toMatchObject({ name: "top_holdings", description: "The largest holdings of an investor, by shares." });
  expect(await rowsOf(workspace, query, { cik: ["1"] })).toHaveLength(10);
  expect(await rowsOf(workspace, query, { cik: ["2"] })).toEqual([]);
  const some = { cik: ["1"], min_shares: ["102.5"], assets: ["A2", "A3", "A24"], rows: ["1"] };
  expect(await rowsOf(workspace, query, some)).toEqual([["A24", expect.anything()]]);
});
