import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import { sqlFile } from "../../examples/marts-dbt/demo/source.mjs";
import { blocks, ran, snippet, snippets, Team, type Answer, type Api } from "./migration-team.ts";
import { whyNoDbtWithPostgres } from "./support.ts";
import { startWarmDbt } from "./warm.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const whyNot = whyNoDbtWithPostgres || (hasCurl ? "" : "there is no curl on the path");

const seed = { days: 20, per_day: 10, users: 8, through: "2026-10-31" };

/** Headers that another release has to have others of, and those that are each answer's own. */
const headersThatDiffer = ["data-age", "data-release", "data-updated", "data-version", "etag"];
const headersOfEach = new Set(["date", "request-id"]);

/** What may be read on a file and on a release, and differs. */
async function lookAt(api: Api): Promise<Record<"rows" | "status" | "freshness" | "schema" | "tables", Answer>> {
  const [rows, status, freshness, schema, tables] = await Promise.all([
    api.ask("/api/analytics/datasets/dim_category/query"),
    api.ask("/api/analytics/status"),
    api.ask("/api/analytics/freshness"),
    api.ask("/api/analytics/datasets/fct_daily_spend/schema"),
    api.ask("/v1/stores/marts/tables"),
  ]);
  return { rows, status, freshness, schema, tables };
}

const parsed = ({ body }: Answer) => JSON.parse(body) as Record<string, unknown>;

/** The same text without what says when. */
const timeless = ({ body }: Answer) =>
  body
    .replaceAll(/"(generated_at|snapshotted_at|max_loaded_at|last_refresh)":"[^"]+"/g, '"$1":"…"')
    .replaceAll(/"(elapsed_time|max_loaded_at_time_ago_in_s)":[\d.e-]+/g, '"$1":0');

type Looks = Awaited<ReturnType<typeof lookAt>>;

/** The table `What readers notice` of the page, and nothing beside it. */
function expectPageOfDifferences(file: Looks, release: Looks): void {
  const headersOf = ({ headers }: Answer) => Object.fromEntries([...headers].filter(([name]) => !headersOfEach.has(name)));
  const [one, other] = [headersOf(file.rows), headersOf(release.rows)];
  const names = Object.keys({ ...one, ...other });
  expect(names.filter((name) => one[name] !== other[name] || name === "data-age").toSorted()).toEqual(headersThatDiffer);
  expect([one["data-release"], other["data-release"]]).toEqual(["fallback", "r000001"]);
  for (const name of ["status", "freshness"] as const) {
    expect(file[name].body).not.toBe(release[name].body);
    expect(timeless(file[name])).toBe(timeless(release[name]));
  }
  expect(parsed(file.status)).toMatchObject({ duckdb_available: true, dataset_count: 10 });
  const { columns, ...described } = parsed(release.schema) as { readonly columns: readonly object[] };
  expect({ ...described, columns: columns.map((column) => ({ ...column, description: null })) }).toEqual(parsed(file.schema));
  expect(release.schema.body).toContain('"data_type":"DECIMAL(38,2)","description":"Above zero."');
  const tables = (looks: Looks) => (parsed(looks.tables)["tables"] as { readonly schema: string }[]).map(({ schema }) => schema);
  expect(tables(file).filter((schema) => schema === "main_staging")).toHaveLength(7);
  expect(tables(release)).toEqual(tables(file).filter((schema) => schema === "main_mart"));
}

/** Each request of the page's list with its answer. */
function answersIn(text: string): Map<string, string> {
  const requests = snippet("requests.txt").trim().split("\n");
  const lines = text.split("\n");
  const places = requests.map((request) => lines.indexOf(request));
  return new Map(
    requests.map((request, index) => [request, lines.slice((places[index] ?? 0) + 1, places[index + 1]).join("\n")]),
  );
}

describe.skipIf(whyNot !== "")("docs/dbt-migration.md, with dbt and PostgreSQL", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startPostgres();
    await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], seed);
  });
  afterAll(() => cluster.remove());

  test("every step, back, and again: the same answers, and no failed request from the first release on", async () => {
    const team = new Team(cluster, await startWarmDbt(onTestFinished));
    await team.run("build");
    const api = await team.startApi("start");
    const first = await team.record(api, "answers.first");
    await beforeTheSwitch(team, api, first);
    await phaseOne(team, api);
    await phaseTwo(team, api, cluster);
  });

  test("no snippet is left out", () => {
    expect([...snippets.keys()].filter((name) => !ran.has(name))).toEqual([]);
    expect(snippets.size).toBe(blocks);
  });
});

/** Steps 2 and 3, in the place of what the page says of the shared file. */
async function beforeTheSwitch(team: Team, api: Api, first: string): Promise<void> {
  expect(await team.run("types")).toMatch(/\nfct_merchant_spend +transactions +HUGEINT\n1 row from fallback/);
  const asking = api.askAllTheTime();
  await asking.sees("fallback");
  const shutOut = team.begin("build");
  const { code } = await shutOut.ended;
  await asking.end();
  expect([code, shutOut.stdout() + shutOut.stderr()]).toEqual([2, expect.stringContaining("Could not set lock on file")]);
  expect(asking.failed).toEqual([]);

  await team.run("cast");
  team.turn("before", "both");
  // Now the API is silent for as long as it takes to let the file go.
  await expect.poll(() => team.isFree(), { timeout: 30_000, interval: 100 }).toBe(true);
  const building = team.begin("build");
  await expect.poll(() => building.stdout(), { timeout: 60_000, interval: 20 }).toContain(" START sql ");
  const begun = performance.now();
  const waiting = api
    .ask("/api/analytics/datasets")
    .then(({ status }) => ({ status, ms: Math.round(performance.now() - begun) }));
  expect(await building.ended).toEqual({ code: 0, signal: null });
  const { status, ms } = await waiting;
  expect([200, 503]).toContain(status);
  process.stdout.write(
    `before: dbt was shut out of a file that was read ${asking.answered} times; a request while dbt had it: ${status} after ${ms} ms\n`,
  );

  const second = answersIn(await team.record(api, "answers.second"));
  const changed = [...answersIn(first)].filter(([request, answer]) => second.get(request) !== answer);
  expect(changed.map(([request]) => request)).toEqual(["/api/analytics/datasets/fct_merchant_spend/schema"]);
  expect(changed[0]?.[1].replace('"HUGEINT"', '"BIGINT"')).toBe(second.get(changed[0]?.[0] ?? ""));
  expect(await team.run("types")).toMatch(/0 rows from fallback/);
}

/** Steps 4 and 5: the first release, back to the file, and again. */
async function phaseOne(team: Team, api: Api): Promise<void> {
  const file = readFileSync(join(team.folder, "answers.file"), "utf8");
  expect(new Set([...answersIn(file).values()].map((answer) => answer.trim().split("\n").at(-1)))).toEqual(
    new Set(["200", "400", "404"]),
  );
  expect(answersIn(file).get("/api/analytics/datasets/fct_chargeback/query")).toContain('"rows":[],"row_count":0');
  const looks = await lookAt(api);
  const asking = api.askAllTheTime();
  await asking.sees("fallback");
  await team.run("publish");
  await asking.sees("r000001");
  expect(await team.run("compare", { API: api.url })).toBe("");
  expectPageOfDifferences(looks, await lookAt(api));

  await team.run("undo-release");
  await asking.sees("fallback");
  expect(await team.record(api, "answers.undone")).toBe(file);
  await team.run("again");
  await asking.sees("r000001");
  expect(await team.run("compare", { API: api.url })).toBe("");
  await asking.end();
  expect(asking.failed).toEqual([]);
  process.stdout.write(`phase 1: ${answersIn(file).size} answers the same, ${asking.answered} requests meanwhile, none failed\n`);
}

/** Step 6, a build of the next day, and back to the file. */
async function phaseTwo(team: Team, api: Api, cluster: Cluster): Promise<void> {
  await team.run("clear");
  const later = await team.startApi("start-after");
  const asking = later.askAllTheTime();
  await asking.sees("r000001");
  await api.stop();
  team.turn("both", "after");
  await team.run("remove");
  expect(existsSync(join(team.folder, "data/analytics.duckdb"))).toBe(false);
  expect(await team.run("compare", { API: later.url })).toBe("");

  await cluster.runFiles([sqlFile("advance")]);
  await team.run("publish");
  await asking.sees("r000002");
  const nextDay = await team.record(later, "answers.next");
  expect(nextDay).not.toBe(readFileSync(join(team.folder, "answers.release"), "utf8"));

  team.turn("after", "both");
  await team.run("undo-clear");
  const last = await team.startApi("start");
  const back = last.askAllTheTime();
  await back.sees("r000002");
  await asking.end();
  await later.stop();
  await team.run("undo-release");
  await back.sees("fallback");
  expect(await team.record(last, "answers.back")).toBe(nextDay);
  await back.end();
  expect([asking.failed, back.failed]).toEqual([[], []]);
  process.stdout.write(`phase 2 and back: ${asking.answered + back.answered} requests meanwhile, none failed\n`);
}

test.runIf(whyNot !== "")("docs/dbt-migration.md is not tried", () => {
  process.stdout.write(`skipped: ${whyNot}\n`);
});
