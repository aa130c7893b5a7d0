import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { outcomes } from "./outcomes.ts";
import { whyNoDbt } from "./support.ts";
import { dbtWords, tinyWorkspace, type DbtWorkspace } from "./workspace.ts";

const packages = fileURLToPath(new URL("../../.python-duckdb2", import.meta.url));
const whyNot = existsSync(packages) ? "" : "there is no .python-duckdb2; node scripts/python-environment.mjs duckdb2 makes one";
const lacks = whyNoDbt || whyNot;

describe.skipIf(lacks !== "")("dbt on DuckDB 2.0 (FACTS 2.8)", () => {
  const through = whenThrough();
  let marts: DbtWorkspace;
  const publish = () => marts.publish(dbtWords("run"), { env: { PYTHONPATH: packages } });

  beforeAll(() => {
    marts = tinyWorkspace(temporaryFolder(through));
  });

  test("Parquet tables alone need nothing: names come from the manifest, and the row of an empty model is taken out", async () => {
    const { tables } = await marts.comesTo(outcomes.emptied, publish);
    expect(tables.map(({ schema, name, rows }) => [schema, name, rows])).toEqual([
      ["main_mart", "nothing", 0],
      ["main_mart", "numbers", 3],
    ]);
    expect(await marts.read("SELECT sum(n) FROM main_mart.numbers")).toEqual([["3"]]);
  });

  test("a DuckDB file in its own storage version is refused, with the version and the cure; with the cure it is out", async () => {
    marts.configure({ artifacts: `[{ kind = "duckdb" }, { kind = "parquet", path = "." }]` });
    const { checks } = await marts.comesTo(outcomes.tooNew, publish);
    expect(checks.find(({ name }) => name === "storage_version")).toMatchObject({
      status: "fail",
      message: expect.stringMatching(
        /storage version 69 \(v2\.0\.0\); this engine reads 64 to 68 .* storage_compatibility_version = 'v1\.5\.0' \(dbt: config_options\)/,
      ),
    });
    const profile = `${marts.text("profiles.yml")}      config_options: {storage_compatibility_version: v1.5.0}\n`;
    await marts.edited({ "profiles.yml": profile }, () => marts.comesTo(outcomes.built, publish));
    const tables = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL";
    expect(await marts.read(tables)).toEqual([
      ["main", "words"],
      ["main_mart", "nothing"],
      ["main_mart", "numbers"],
    ]);
  });
});

test.runIf(lacks !== "")("dbt on DuckDB 2.0 is not tried", () => {
  process.stdout.write(`skipped: ${lacks}\n`);
});
