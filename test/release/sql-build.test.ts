import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { sha256Hex } from "../../src/model/manifest.ts";
import { publish } from "../../src/release/publish.ts";
import type { BuildSource, ProgressEvent, ReleaseStore } from "../../src/release/store.ts";
import { historyOf, manifestBytes, manifestOf, startOperation, storeIn, valueIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

let folder: string;
let store: ReleaseStore;
let source: BuildSource;

const sqlFile = (name: string, text: string) => writeFileSync(join(folder, "sql", name), text);

beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(join(folder, "sql"));
  store = storeIn(join(folder, "store"));
  source = { kind: "sql", path: "sql", folder };
});

const errorOfPublish = async (given: BuildSource = source): Promise<Error> =>
  publish(store, given).then(
    () => new Error("it did not fail"),
    (error: unknown) => error as Error,
  );

test("the files of a folder run in the order of their names, in one connection; paths begin at the folder it runs in; the record names them", async () => {
  writeFileSync(join(folder, "rows.csv"), "n\n1\n2\n");
  sqlFile("20_view.sql", "CREATE VIEW v AS SELECT sum(n) AS total FROM t;");
  const first = `-- ; a comment; CREATE\nCREATE TEMP TABLE raw AS SELECT * FROM read_csv('rows.csv');
    /* ; */ CREATE TABLE t AS SELECT n, ';' AS mark, $$;$$ AS other, getvariable('lockkeeper_store') AS store FROM raw\n;;\n`;
  sqlFile("10_table.sql", `\uFEFF${first}`);
  sqlFile("30_insert.sql", "BEGIN; INSERT INTO t (n) VALUES (3); COMMIT");
  sqlFile("notes.txt", "this is no SQL");
  const events: ProgressEvent[] = [];
  const result = await publish(store, source, { onProgress: (event) => void events.push(event) });
  expect(result).toMatchObject({ outcome: "switched", tables: [{ name: "t", rows: 3 }, { name: "v" }] });
  const active = join(folder, "store/DB_a.duckdb");
  expect(await valueIn(active, "SELECT concat_ws(' ', max(total), max(mark), max(other), max(store)) FROM v, t")).toBe(
    "6 ; ; holdings",
  );
  const record = JSON.parse(readFileSync(join(folder, "store/.lockkeeper/records/r000001.json"), "utf8")) as { builder: object };
  const sha256 = (name: string) => sha256Hex(readFileSync(join(folder, "sql", name)));
  expect(record.builder).toMatchObject({
    kind: "sql",
    exit: 0,
    sql: ["10_table.sql", "20_view.sql", "30_insert.sql"].map((name) => ({ path: `sql/${name}`, sha256: sha256(name) })),
  });
  const told = events.flatMap((event) => (event.kind === "message" ? [event.message] : []));
  expect(told).toMatchObject([
    { text: "sql/10_table.sql", fraction: 0 },
    { text: "sql/20_view.sql" },
    { text: "sql/30_insert.sql" },
  ]);
});

test("the active release is attached read-only as lockkeeper_base; with a base the file begins as its copy", async () => {
  sqlFile("1.sql", "CREATE TABLE t AS SELECT 1 AS n");
  await publish(store, source);
  sqlFile(
    "1.sql",
    "CREATE TABLE t AS SELECT n + 1 AS n, getvariable('lockkeeper_base_version')::INT AS base FROM lockkeeper_base.t",
  );
  await publish(store, source);
  expect(await valueIn(join(folder, "store/DB_b.duckdb"), "SELECT n || ' ' || base FROM t")).toBe("2 1");
  sqlFile("1.sql", "INSERT INTO t SELECT n + 10, 0 FROM lockkeeper_base.t");
  await publish(store, source, { base: "active" });
  expect(await valueIn(join(folder, "store/DB_a.duckdb"), "SELECT string_agg(n, ' ' ORDER BY n) FROM t")).toBe("2 12");
  sqlFile("1.sql", "INSERT INTO lockkeeper_base.t VALUES (5, 5)");
  expect(await errorOfPublish()).toMatchObject({ code: "BUILD_FAILED", message: expect.stringContaining("read-only") });
});

test.each([
  [
    "a statement that fails",
    "CREATE TABLE t AS SELECT 1 AS n;\n\n-- why\nINSERT INTO t\nSELECT missing\nFROM t;",
    /sql\/2\.sql:5: Binder Error: .*"missing".*, in: INSERT INTO t SELECT missing FROM t/,
  ],
  ["a slip of the pen, before anything runs", "SELECT 1;\nSELEC 2", /sql\/2\.sql:2: Parser Error: .*SELEC.*, in: SELEC 2/],
  [
    "a transaction that is left open",
    "BEGIN; CREATE TABLE u AS SELECT 1 AS n;",
    /sql\/2\.sql: a transaction is still open at its end/,
  ],
])("%s: file, line, reason and statement; nothing changed", async (_what, text, message) => {
  sqlFile("1.sql", "CREATE TABLE s AS SELECT 1 AS n");
  await publish(store, source);
  const manifest = manifestBytes(join(folder, "store"));
  sqlFile("2.sql", text);
  expect(await errorOfPublish()).toMatchObject({ code: "BUILD_FAILED", exit: 1, message: expect.stringMatching(message) });
  expect(manifestBytes(join(folder, "store"))).toBe(manifest);
  expect(readdirSync(join(folder, "store/.lockkeeper/builds"))).toEqual([]);
  expect(historyOf(join(folder, "store")).at(-1)).toMatchObject({ type: "build.failed", detail: expect.stringMatching(message) });
});

test("no file, no folder, no text, a folder by a file's name: refused before anything begins", async () => {
  expect(await errorOfPublish()).toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("holds no file whose name ends in .sql"),
  });
  expect(await errorOfPublish({ kind: "sql", path: "nowhere", folder })).toMatchObject({
    code: "FILE_MISSING",
    subject: join(folder, "nowhere"),
  });
  writeFileSync(join(folder, "sql/1.sql"), Buffer.from([0x53, 0xff, 0xfe]));
  expect(await errorOfPublish()).toMatchObject({ code: "USAGE", message: expect.stringContaining("not text in UTF-8") });
  mkdirSync(join(folder, "sql/0.sql"));
  expect(await errorOfPublish()).toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("0.sql is not a regular file"),
  });
  expect(existsSync(join(folder, "store/.lockkeeper/history.jsonl"))).toBe(false);
});

/** Statements that do not end by themselves. */
const endless = "CREATE TABLE t AS SELECT count(*) AS n FROM range(1000000000) a, range(1000000000) b";

test("the time that is up, and an interruption, end a statement in its middle", async () => {
  sqlFile("1.sql", endless);
  const single: BuildSource = { kind: "sql", path: "sql/1.sql", folder, timeoutMs: 1000 };
  expect(await errorOfPublish(single)).toMatchObject({
    code: "BUILD_TIMEOUT",
    message: expect.stringContaining("sql/1.sql was stopped"),
  });
  const stop = new AbortController();
  const onProgress = (event: ProgressEvent) => {
    if (event.kind === "message") stop.abort();
  };
  await expect(publish(store, source, { signal: stop.signal, onProgress })).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(readdirSync(join(folder, "store/.lockkeeper/builds"))).toEqual([]);
});

test("a publisher that is killed takes its SQL with it, and the next one works", async () => {
  sqlFile("1.sql", endless);
  const child = startOperation(
    join(folder, "store"),
    `return publish(store, ${JSON.stringify(source)}, { onProgress: (event) => event.kind === "message" && console.log("running") });`,
  );
  await child.line("running");
  child.process.kill("SIGKILL");
  await child.ended;
  sqlFile("1.sql", "CREATE TABLE t AS SELECT 1 AS n");
  // The build lock is the child's until it has noticed.
  expect(await publish(store, source, { waitMs: 60_000 })).toMatchObject({ outcome: "switched" });
  expect(manifestOf(join(folder, "store"))).toMatchObject({ version: 1 });
});
