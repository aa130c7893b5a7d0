import { Agent, get } from "node:http";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, onTestFinished, test } from "vitest";
import { createApp } from "../../../examples/superinvestors/create-app.mjs";
import { computeTruth, dayOfWeek } from "../../../examples/superinvestors/demo/truth.mjs";
import { openReader } from "../../../src/workspace/open-reader.ts";
import { startProgram } from "../../support/child.ts";
import { ended, exampleFile, exampleWorkspace, python, pythonMissing, startApp } from "./support.ts";

type Answer = Record<string, unknown>;

/** The tables that a script makes, and the app over them. */
async function built(folder: string, env: NodeJS.ProcessEnv, command: readonly string[]) {
  const file = join(folder, `${command.join("_").replaceAll(/\W+/g, "_")}.duckdb`);
  await ended(startProgram(command, { cwd: folder, env: { ...env, DUCKDB_PATH: file } }));
  return file;
}

async function appOver(file: string) {
  const reader = await openReader({ dir: join(file, "..", "none"), fallback: file });
  onTestFinished(() => reader.close());
  const app = createApp(reader);
  const ask = async (url: string) => {
    const response = await app.request(url);
    return { status: response.status, answer: (await response.json()) as Answer };
  };
  return { app, ask };
}

/** Every row of every table, as text. */
async function tablesOf(file: string): Promise<Record<string, string[]>> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`ATTACH '${file}' AS built (READ_ONLY)`);
  const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson().map(String);
  const names = await ask("SELECT table_name FROM duckdb_tables() WHERE database_name = 'built' ORDER BY ALL");
  const entries = await Promise.all(
    names.map(async (name) => [name, await ask(`SELECT t::VARCHAR FROM built.${name} AS t`)] as const),
  );
  instance.closeSync();
  return Object.fromEntries(entries);
}

const etl = [process.execPath, exampleFile("etl.mjs")];

test("every answer is the truth of its week, which the filings tell without the ETL", async () => {
  const { folder, env, last, sources } = await exampleWorkspace();
  const { urls, truth, rows } = await computeTruth(sources.filings, { weeks: 13, lastQuarter: last });
  expect(urls.length).toBeGreaterThan(15);
  // Every week brings filings.
  const counts = Object.values(rows);
  expect(counts.every((count, index) => index === 0 || count > (counts[index - 1] ?? Infinity))).toBe(true);
  for (const week of [1, 8, 13]) {
    const { ask } = await appOver(await built(folder, env, [...etl, "--week", String(week)]));
    for (const url of urls) {
      const { answer } = await ask(url);
      const {
        release,
        dbVersion,
        lastUpdated: _updated,
        active: _active,
        servingVersion: _serving,
        timestamp: _time,
        ...data
      } = answer;
      expect({ week, url, data, release, dbVersion }).toEqual({
        week,
        url,
        data: truth[week]?.[url],
        release: "fallback",
        dbVersion: 0,
      });
    }
  }
});

test("--as-of takes a day, --week the same day counted in weeks", async () => {
  const { folder, env, last } = await exampleWorkspace();
  const day = dayOfWeek(last, 4);
  expect(day).toBe("2025-01-14");
  const [byDay, byWeek] = [await built(folder, env, [...etl, "--as-of", day]), await built(folder, env, [...etl, "--week", "4"])];
  const tables = await tablesOf(byDay);
  expect(Object.keys(tables)).toEqual(["asset_activity", "assets", "etl_run", "holdings", "investors"]);
  expect(tables["holdings"]?.length).toBeGreaterThan(10_000);
  expect(await tablesOf(byWeek)).toEqual(tables);
});

test.skipIf(pythonMissing !== "")("etl.py makes the tables that etl.mjs makes, row by row", async () => {
  const { folder, env } = await exampleWorkspace();
  const week = ["--week", "7"];
  const ofNode = await tablesOf(await built(folder, env, [...etl, ...week]));
  expect(await tablesOf(await built(folder, env, [python, exampleFile("etl.py"), ...week]))).toEqual(ofNode);
});

test.runIf(pythonMissing !== "")("etl.py is not tried", () => {
  process.stdout.write(`skipped: ${pythonMissing}\n`);
});

test("what is asked for wrongly, and what is not there", async () => {
  const { folder, env } = await exampleWorkspace();
  const { app, ask } = await appOver(await built(folder, env, [...etl, "--week", "1"]));
  for (const page of ["0", "-1", "1.5", "x"]) expect((await ask(`/api/investors?page=${page}`)).status).toBe(400);
  expect(await ask("/api/investors?search=%25")).toMatchObject({
    status: 200,
    answer: { total: 0, investors: [], page: 1, pages: 1 },
  });
  expect(await ask("/api/investors?search=' OR 1=1 --")).toMatchObject({ status: 200, answer: { total: 0 } });
  for (const url of ["/api/investors/7/holdings", "/api/investors/x/holdings", "/api/assets/99999/activity", "/api/none"]) {
    expect([url, (await ask(url)).status]).toEqual([url, 404]);
  }
  expect(await ask("/api/investors/1000000/holdings?quarter=1999-Q1")).toMatchObject({
    status: 200,
    answer: { quarter: "1999-Q1", holdings: [] },
  });
  for (const path of ["client.js", "client/follow.js"]) expect((await app.request(`/modules/${path}`)).status).toBe(200);
  for (const path of ["index.js", "client/none.js", "client/..%2findex.js", "..%2fpackage.json"]) {
    expect([path, (await app.request(`/modules/${path}`)).status]).toEqual([path, 404]);
  }
});

test("data that cannot be read is 503, without a path", async () => {
  const { folder, env } = await exampleWorkspace();
  const file = await built(folder, env, [...etl, "--week", "1"]);
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run("DROP TABLE etl_run");
  instance.closeSync();
  const { ask } = await appOver(file);
  const { status, answer } = await ask("/api/data-freshness");
  expect([status, answer]).toEqual([503, { error: "the data cannot be read" }]);
});

test.each([
  [["--week", "1"], { FILINGS: "" }],
  [[], {}],
  [["--week", "1", "--as-of", "2025-01-14"], {}],
])("etl.mjs tells how it is used for %j", async (words, env) => {
  const child = startProgram([...etl, ...words], { env: { FILINGS: "filings", DUCKDB_PATH: "none.duckdb", ...env } });
  expect((await child.ended).code).toBe(2);
  expect(child.stderr()).toContain("usage:");
});

test("the server: a store with its events, its folder alone, or the single file as before; a signal ends it with a stream open", async () => {
  const { folder, env, publish } = await exampleWorkspace();
  await publish(2);
  const single = await built(folder, env, [...etl, "--week", "1"]);
  for (const [more, expected] of [
    [{ STORE: "by_publish" }, { release: "r000001", dbVersion: 1, store: "by_publish", lastDataLoadDate: "2025-01-07" }],
    [{ TR_05_DB: join(folder, "data/by_publish") }, { release: "r000001", dbVersion: 1, lastDataLoadDate: "2025-01-07" }],
    [{ DUCKDB_PATH: single }, { release: "fallback", dbVersion: 0, lastDataLoadDate: "2025-01-04" }],
  ] as const) {
    const { app, url } = await startApp(folder, { ...env, ...more });
    const response = await fetch(`${url}/api/data-freshness`);
    expect(await response.json()).toMatchObject({ ...expected, servingVersion: expected.dbVersion });
    expect(response.headers.get("keep-alive")).toBe("timeout=65");
    const events = `${url}/lockkeeper/v1/events?store=by_publish`;
    if ("STORE" in more) {
      const opened = await new Promise((resolve) => {
        // A client that keeps its connection, as browsers do.
        get(events, { agent: new Agent({ keepAlive: true }) }, (incoming) =>
          incoming.on("error", () => undefined).once("data", resolve),
        );
      });
      expect(String(opened)).toContain("retry:");
    } else {
      expect((await fetch(events)).status).toBe(404);
    }
    app.process.kill("SIGTERM");
    expect(await app.ended).toEqual({ code: 0, signal: null });
  }
});
