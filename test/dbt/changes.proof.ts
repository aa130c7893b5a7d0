import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import { sqlFile } from "../../examples/marts-dbt/demo/source.mjs";
import type { ReleaseRecord } from "../../src/model/release-record.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { holdTable } from "./held.ts";
import { outcomes } from "./outcomes.ts";
import { rowsOf, whyNoDbtWithPostgres } from "./support.ts";
import { startWarmDbt } from "./warm.ts";
import { dbtWords, exampleWorkspace, said, smallest, type DbtWorkspace } from "./workspace.ts";

const marts = ["dim_merchant", "dim_user", "fct_chargeback", "fct_daily_spend", "fct_transaction"];
const staging = ["stg_account", "stg_category", "stg_load_state", "stg_merchant", "stg_transaction", "stg_user"];
const compatible = `{ check = "schema", mode = "compatible" }`;
const allThere = `{ check = "tables", names = [${marts.map((mart) => `"main_mart.${mart}"`).join(", ")}] }`;
const daily = dbtWords("run", "--select", "+fct_daily_spend");

describe.skipIf(whyNoDbtWithPostgres !== "")("models that change from build to build", () => {
  const through = whenThrough();
  let cluster: Cluster;
  let store: DbtWorkspace;
  const seed = () => cluster.runFiles([sqlFile("schema"), sqlFile("seed")], smallest);

  beforeAll(async () => {
    cluster = await startPostgres();
    await seed();
    const models = [...marts, ...staging];
    const env = { ...cluster.env, ...(await startWarmDbt(through)).env };
    store = exampleWorkspace(temporaryFolder(through), { env, models, undescribed: models });
    store.configure({ checks: `[${compatible}, ${allThere}]` });
  });
  afterAll(() => cluster.remove());

  const recordOf = (release: string) => store.releaseJson(release, "release.json") as ReleaseRecord;
  const namesOf = (release: string) => recordOf(release).tables.map(({ schema, name }) => `${schema}.${name}`);
  const rowsIn = (release: string) => Object.fromEntries(recordOf(release).tables.map(({ name, rows }) => [name, rows]));
  const columnsOf = (release: string) =>
    recordOf(release).tables.map(({ name, columns }) => [name, columns.map((column) => [column.name, column.type])]);
  const pathOf = (path: string) => join(store.folder(), path);
  /** The data files of a release by their paths in it, each with what tells it from others. */
  const filesOf = (release: string, what: (file: ReleaseRecord["files"][number]) => unknown) =>
    Object.fromEntries(recordOf(release).files.map((file) => [file.path.slice(`releases/${release}/`.length), what(file)]));
  const inodes = (release: string) => filesOf(release, ({ path }) => statSync(pathOf(path)).ino);

  test("one thread or four: the same tables and rows, byte for byte, of which the second release stores nothing anew", async () => {
    await store.comesTo(outcomes.built, () => store.publish(dbtWords("run", "--threads", "1")));
    await store.comesTo(outcomes.built, () => store.publish(dbtWords("run", "--threads", "4")));
    expect(namesOf("r000002")).toEqual(marts.map((mart) => `main_mart.${mart}`));
    expect(filesOf("r000002", ({ sha256 }) => sha256)).toEqual(filesOf("r000001", ({ sha256 }) => sha256));
    expect(inodes("r000002")).toEqual(inodes("r000001"));
    expect(rowsIn("r000002")).toMatchObject({ dim_merchant: 120, dim_user: 5, fct_chargeback: 0 });
  });

  test("a mart that was removed is gone in a full build: where a check names it, the release is refused", async () => {
    const { checks } = await store.comesTo(outcomes.tableGone, () =>
      store.edited({ "models/marts/dim_merchant.sql": undefined }, () => store.publish(dbtWords("run"))),
    );
    const failed = checks.filter(({ status }) => status === "fail");
    expect(failed.map(({ check, message }) => [check, message])).toEqual([
      ["schema", expect.stringContaining("main_mart.dim_merchant")],
      ["tables", expect.stringContaining("main_mart.dim_merchant")],
    ]);
  });

  test("marts that become empty, one of them in folders, keep their columns and types (FACTS 2.11); a day later they have rows again", async () => {
    await cluster.query("TRUNCATE finance.transaction");
    const { checks } = await store.comesTo(outcomes.emptied, () => store.publish(dbtWords("run")));
    expect(checks.find(({ check }) => check === "schema")).toMatchObject({ status: "pass" });
    expect(checks.find(({ name }) => name === "dbt_empty_models")).toMatchObject({
      status: "pass",
      observed: expect.stringContaining("main_mart.fct_transaction"),
    });
    expect(columnsOf("r000003")).toEqual(columnsOf("r000002"));
    expect(rowsIn("r000003")).toEqual({ ...rowsIn("r000002"), fct_daily_spend: 0, fct_transaction: 0 });
    expect(await store.read("SELECT count(*), count(booked_month) FROM main_mart.fct_transaction")).toEqual([["0", "0"]]);
  });

  test("removed, renamed and given an alias: tables have the names of the project as it is, and nothing is left of the others", async () => {
    await seed();
    store.configure();
    store.edit({
      "models/marts/dim_merchant.sql": undefined,
      "models/marts/fct_chargeback.sql": undefined,
      "models/marts/fct_dispute.sql": store.text("models/marts/fct_chargeback.sql"),
      "models/marts/dim_user.sql": `{{ config(alias='person') }}\n${store.text("models/marts/dim_user.sql")}`,
    });
    await store.comesTo(outcomes.built, () => store.publish(dbtWords("run")));
    expect(rowsIn("r000004")).toEqual({
      person: 5,
      fct_dispute: 0,
      fct_daily_spend: rowsIn("r000002")["fct_daily_spend"],
      fct_transaction: rowsIn("r000002")["fct_transaction"],
    });
    expect(Object.keys(inodes("r000004")).filter((path) => /merchant|chargeback|dim_user/.test(path))).toEqual([]);
  });

  test("a rollback during a build on the active release, and another one back: it would take that back, so it is not switched to", async () => {
    await cluster.runFiles([sqlFile("advance")]);
    const held = await holdTable(cluster, "finance.category");
    const child = store.start(["publish", "marts", "--base", "active", "--", ...daily]);
    await held.awaited();
    for (const release of ["r000003", "r000004"])
      expect(await store.run(["rollback", "marts", "--to", release])).toMatchObject({ exit: 0, outcome: "switched", release });
    const { error } = await store.comesTo(outcomes.baseMoved, async () => {
      await held.letGo();
      return said(child);
    });
    expect(error?.hint).toMatch(/again/);
  });

  test("a mart alone, without the staging views that it reads: the hint names one, and what to select", async () => {
    const alone = dbtWords("run", "--select", "fct_daily_spend");
    const { error } = await store.comesTo(outcomes.modelFailed, () => store.publish(alone, { words: ["--base", "active"] }));
    expect(error?.hint).toMatch(/^main_staging\.stg_\w+ is no table of r000004, .*`\+model`/);
  });

  test("done again: the other files are those of the release before, and it is what a full build makes", async () => {
    await store.comesTo(outcomes.built, () => store.publish(daily, { words: ["--base", "active"] }));
    const [before, after] = [inodes("r000004"), inodes("r000005")];
    const file = "main_mart/fct_daily_spend.parquet";
    expect(after).toEqual({ ...before, [file]: after[file] });
    expect(after[file]).not.toBe(before[file]);
    await store.comesTo(outcomes.built, () => store.publish(dbtWords("run")));
    const [partial, whole] = ["r000005", "r000006"].map((release) => `'${pathOf(`releases/${release}/${file}`)}'`);
    expect(await rowsOf(`SELECT max(loaded_version), count(*) > 1 FROM ${partial}`)).toEqual(["2|true"]);
    const differing = `(FROM ${partial} EXCEPT ALL FROM ${whole}) UNION ALL (FROM ${whole} EXCEPT ALL FROM ${partial})`;
    expect(await rowsOf(`SELECT count(*) FROM (${differing})`)).toEqual(["0"]);
  });
});

test.runIf(whyNoDbtWithPostgres !== "")("models that change are not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
