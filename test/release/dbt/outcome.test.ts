import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { BuildSource } from "../../../src/release/store.ts";
import { beginBuild } from "../../../src/release/detached/begin.ts";
import { commitBuild } from "../../../src/release/detached/commit.ts";
import { publish } from "../../../src/release/publish.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { storeIn, writeDatabase } from "../../support/store.ts";
import { storeOf } from "../artifacts/support.ts";
import { leaveDbtFile, parquetOnly, recordIn } from "./support.ts";

const ok = { unique_id: "model.p.fct", status: "success", message: "OK" };
const testOf = (status: string, more: object = {}) => ({
  unique_id: "test.p.not_null_fct_n.abc",
  status,
  message: "Got 2 results",
  failures: 2,
  compiled_code: '\n select n from "DB"."main"."t" where n is null\n',
  ...more,
});
const manifest = {
  nodes: {
    "model.p.fct": {
      resource_type: "model",
      name: "fct",
      alias: "t",
      schema: "main",
      database: "DB",
      config: { materialized: "table" },
    },
    "model.p.gone": { resource_type: "model", name: "gone", schema: "main", database: "DB", config: { materialized: "view" } },
    "test.p.not_null_fct_n.abc": {
      resource_type: "test",
      name: "not_null_fct_n",
      attached_node: "model.p.fct",
      column_name: "n",
      config: { severity: "ERROR" },
    },
  },
};

/** A command that writes files of dbt's one after the other, a database, and exits. */
function command(
  steps: readonly { readonly which?: string; readonly results: readonly object[] }[],
  { exit = 0, without = "", says = "" }: { readonly exit?: number; readonly without?: string; readonly says?: string } = {},
): BuildSource {
  const program = `
    import { mkdirSync, writeFileSync, copyFileSync } from "node:fs";
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    const target = process.env.DBT_TARGET_PATH;
    mkdirSync(target, { recursive: true });
    if (${JSON.stringify(without)} !== "database") {
      const instance = await DuckDBInstance.create(process.env.DUCKDB_PATH);
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT 1 AS n");
      connection.closeSync();
      instance.closeSync();
    }
    if (${JSON.stringify(without)} !== "manifest") writeFileSync(target + "/manifest.json", ${JSON.stringify(JSON.stringify(manifest))});
    for (const [index, { which = "build", results }] of ${JSON.stringify(steps)}.entries()) {
      // As long as dbt takes to start, at least; the file is looked at four times a second.
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
      writeFileSync(target + "/run_results.json", JSON.stringify({ args: { which }, results }));
    }
    console.log(${JSON.stringify(says)});
    process.exitCode = ${exit};
  `;
  return { kind: "command", argv: [process.execPath, "--input-type=module", "-e", program], folder: temporaryFolder() };
}

describe("a test of dbt's that fails", () => {
  test("FACTS 2.15: refuses the release, one check a test, with dbt's message and the statement that shows the rows", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, command([{ results: [ok, testOf("pass")] }]));
    const before = readFileSync(join(folder, "db_manifest.json"));
    const result = await publish(store, command([{ results: [ok, testOf("fail")] }], { exit: 1 }));
    expect(result.outcome).toBe("refused");
    expect(result.checks.find(({ check }) => check === "dbt_test")).toEqual({
      name: "not_null_fct_n",
      check: "dbt_test",
      severity: "error",
      status: "fail",
      table: "main.t",
      column: "n",
      observed: "2 rows",
      expected: "what the test allows",
      message: "Got 2 results",
      sql: 'select n from "main"."t" where n is null',
    });
    expect(readFileSync(join(folder, "db_manifest.json"))).toEqual(before);
    const kept = join(folder, ".lockkeeper/quarantine", result.build ?? "");
    expect(existsSync(join(kept, "dbt-target/run_results.json"))).toBe(true);
    expect(existsSync(join(kept, "DB.duckdb"))).toBe(true);
  });

  test("refuses also what is not whole because of it", async () => {
    const result = await publish(
      storeIn(temporaryFolder()),
      command([{ results: [testOf("fail"), { unique_id: "model.p.later", status: "skipped" }] }], {
        exit: 1,
        without: "database",
      }),
    );
    expect(result.outcome).toBe("refused");
    expect(result.checks.map(({ name, status }) => `${name} ${status}`)).toEqual(["dbt_results fail", "not_null_fct_n fail"]);
    expect(result.checks.map(({ message }) => message)).toEqual([
      "dbt built nothing: what it was to build was skipped, for what comes before it failed",
      "Got 2 results",
    ]);
  });

  test("gives no statement where it reads what the release does not have", async () => {
    const sql = 'select * from "DB"."main"."t" where n not in (select n from "DB"."main"."gone")';
    const result = await publish(
      storeIn(temporaryFolder()),
      command([{ results: [ok, testOf("fail", { compiled_code: sql })] }], { exit: 1 }),
    );
    expect(result.checks.find(({ check }) => check === "dbt_test")).not.toHaveProperty("sql");
  });

  test("a warning is one; a test that was skipped is told", async () => {
    const skipped = { unique_id: "test.p.later.x", status: "skipped" };
    const result = await publish(storeIn(temporaryFolder()), command([{ results: [ok, testOf("warn"), skipped] }]));
    expect(result.outcome).toBe("switched");
    expect(
      result.checks.filter(({ check }) => check === "dbt_test").map(({ name, severity, status }) => [name, severity, status]),
    ).toEqual([
      ["not_null_fct_n", "warn", "fail"],
      ["later", "error", "skip"],
    ]);
  });

  test("a command that hides it by exit 0 is refused all the same", async () => {
    expect(await publish(storeIn(temporaryFolder()), command([{ results: [ok, testOf("fail")] }]))).toMatchObject({
      outcome: "refused",
    });
    const broken = { unique_id: "model.p.other", status: "error", message: "Runtime Error\n  no such table" };
    const result = await publish(storeIn(temporaryFolder()), command([{ results: [ok, broken] }]));
    expect(result.outcome).toBe("refused");
    expect(result.checks.find(({ name }) => name === "dbt_results")?.message).toContain(
      "model.p.other failed in dbt: Runtime Error no such table",
    );
  });
});

describe("a failure", () => {
  const broken = {
    unique_id: "model.p.other",
    status: "error",
    message: "Runtime Error in model other\n  no such table\n\n  LINE 1",
  };

  test.each([
    [
      "a model that failed, beside a failed test",
      { results: [ok, broken, testOf("fail")], exit: 1 },
      /model\.p\.other: Runtime Error in model other no such table LINE 1/,
    ],
    [
      "a test that could not be run",
      { results: [ok, testOf("error")], exit: 1 },
      /exited with code 1[^]*test\.p\.not_null_fct_n\.abc/,
    ],
    ["another exit code", { results: [ok, testOf("fail")], exit: 2 }, /exited with code 2/],
    ["no failed test", { results: [ok], exit: 1 }, /exited with code 1/],
  ])("FACTS 2.15: %s", async (_name, { results, exit }, message) => {
    const folder = temporaryFolder();
    const failed = publish(storeIn(folder), command([{ results }], { exit }));
    await expect(failed).rejects.toMatchObject({ code: "BUILD_FAILED", message: expect.stringMatching(message) as unknown });
    const [build = ""] = readdirSync(join(folder, ".lockkeeper/quarantine"));
    const report = JSON.parse(readFileSync(join(folder, ".lockkeeper/quarantine", build, "report.json"), "utf8")) as {
      checks: { name: string }[];
    };
    expect(report.checks[0]?.name).toBe("dbt_results");
  });
});

test("a dbt that was killed: the last thing that it said, not what Python says of its end", async () => {
  const python = "/lib/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: leaked";
  const script = `echo "4 of 5 OK"; echo "${python}" >&2; kill -9 $$`;
  const failed = publish(storeIn(temporaryFolder()), { kind: "command", argv: ["sh", "-c", script], folder: temporaryFolder() });
  await expect(failed).rejects.toMatchObject({
    message: expect.stringMatching(/^the build command was killed by SIGKILL: [^]*; its last line: 4 of 5 OK$/) as unknown,
  });
});

test("FACTS 2.15: what dbt could not even begin with is told by its own words, not by the last line of them", async () => {
  const says = [
    "22:06:18  Encountered an error:",
    "Compilation Error in model fct (models/fct.sql)",
    "  unexpected '}', expected ')'",
    "    line 1",
    "      select {{ nothing( }}",
  ].join("\n");
  const failed = publish(storeIn(temporaryFolder()), command([], { exit: 2, says }));
  await expect(failed).rejects.toMatchObject({
    code: "BUILD_FAILED",
    message: expect.stringMatching(
      /exited with code 2: [^]*; Compilation Error in model fct \(models\/fct\.sql\) unexpected '}', expected '\)' line 1$/,
    ) as unknown,
  });
});

test("a model that reads one that was not selected, in a build on the active release, is told to select that, too", async () => {
  const store = storeIn(temporaryFolder());
  await publish(store, command([{ results: [ok] }]));
  const message =
    'Runtime Error in model fct\n  Catalog Error: Table with name "main_staging.stg_t" does not exist because schema "main_staging" does not exist.';
  const broken = command([{ results: [{ ...ok, status: "error", message }] }], { exit: 1, without: "database" });
  await expect(publish(store, broken, { base: "active" })).rejects.toMatchObject({
    code: "BUILD_FAILED",
    hint: expect.stringMatching(
      /^main_staging\.stg_t is no table of r000001, which this build is on: where it is a model, select it, too .*\. Nothing was switched\./,
    ) as unknown,
  });
  await expect(publish(store, broken)).rejects.toMatchObject({
    hint: expect.stringMatching(/^Nothing was switched\./) as unknown,
  });
});

describe("nothing built", () => {
  test("FACTS 2.15: a selection that names nothing is refused, although dbt exits 0", async () => {
    const result = await publish(storeOf(temporaryFolder(), parquetOnly), command([{ results: [] }]));
    expect(result.outcome).toBe("refused");
    expect(result.checks[0]).toMatchObject({ name: "dbt_results", observed: "0 built, 0 failed, 0 skipped" });
  });

  test.each([
    ["nothing of a build at all", []],
    ["what dbt wrote for its documentation", [{ which: "generate", results: [ok] }]],
  ])("FACTS 2.15: a dbt that began, and left %s, did not come to its end, whatever the exit code says", async (_what, steps) => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const began = (build: string) => mkdirSync(join(folder, ".lockkeeper/builds", build, "dbt-target/run"));
    const building = command(steps);
    const parsed = await publish(store, building);
    expect(parsed).toMatchObject({ outcome: "switched" });
    const result = await publish(store, building, {
      onProgress: (event) =>
        event.kind === "phase" && event.phase === "seal" && began(readdirSync(join(folder, ".lockkeeper/builds"))[0] ?? ""),
    });
    expect(result).toMatchObject({ outcome: "refused" });
    expect(result.checks.find(({ name }) => name === "dbt_results")?.message).toContain("it was ended before it was done");
  });

  test("tests alone build nothing; with a run before them they do", async () => {
    const only = await publish(storeIn(temporaryFolder()), command([{ which: "test", results: [testOf("pass")] }]));
    expect(only.outcome).toBe("refused");
    const both = await publish(
      storeIn(temporaryFolder()),
      command([
        { which: "run", results: [ok] },
        { which: "test", results: [testOf("pass")] },
      ]),
    );
    expect(both.outcome).toBe("switched");
  });
});

describe("results that are overwritten", () => {
  test("FACTS 2.15: `dbt docs generate` after a build changes nothing of what it said, also not in the release", async () => {
    const store = storeOf(temporaryFolder(), [{ kind: "duckdb" }]);
    const steps = [{ results: [ok, testOf("warn")] }, { which: "generate", results: [testOf("success")] }];
    const result = await publish(store, command(steps));
    expect(result.checks.find(({ check }) => check === "dbt_test")).toMatchObject({ severity: "warn", status: "fail" });
    const record = recordIn(store, "r000001");
    expect(record.provenance?.map(({ path }) => path)).toEqual(
      ["manifest.json", "run_results.json"].map((name) => `releases/r000001/dbt-target/${name}`),
    );
    const kept = JSON.parse(readFileSync(join(store.paths.folder, record.provenance?.[1]?.path ?? ""), "utf8")) as {
      args: unknown;
    };
    expect(kept.args).toEqual({ which: "build" });
  });

  test("of a detached build the last word is what counts", async () => {
    const store = storeIn(temporaryFolder());
    const begin = async (results: readonly object[], which = "build") => {
      const { build, path, dir } = await beginBuild(store);
      await writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
      leaveDbtFile(dir, "run_results.json", { args: { which }, results });
      return commitBuild(store, build);
    };
    expect(await begin([ok, testOf("fail")])).toMatchObject({ outcome: "refused" });
    expect(await begin([ok, testOf("pass")])).toMatchObject({ outcome: "switched" });
    expect(await begin([], "generate")).toMatchObject({ outcome: "switched" });
  });

  test("a file that is cut short, or none of dbt's, says nothing", async () => {
    const store = storeIn(temporaryFolder());
    const build: BuildSource = {
      kind: "function",
      async build({ path, dir }) {
        await writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
        leaveDbtFile(dir, "run_results.json", { results: 3 });
      },
    };
    const result = await publish(store, build);
    expect(result).toMatchObject({ outcome: "switched" });
    expect(result.checks.some(({ check }) => check.startsWith("dbt_"))).toBe(false);
  });
});

test("sources that dbt found stale are warnings", async () => {
  const store = storeIn(temporaryFolder());
  const build: BuildSource = {
    kind: "function",
    async build({ path, dir }) {
      await writeDatabase(path, "CREATE TABLE t AS SELECT 1 AS n");
      leaveDbtFile(dir, "manifest.json", manifest);
      leaveDbtFile(dir, "sources.json", {
        results: [
          { unique_id: "source.p.app.bill", status: "warn", max_loaded_at: "2026-11-20T00:00:00Z" },
          { unique_id: "source.p.app.user", status: "pass", max_loaded_at: "2026-11-28T00:00:00Z" },
        ],
      });
    },
  };
  const { checks } = await publish(store, build);
  expect(
    checks
      .filter(({ check }) => check === "dbt_source")
      .map(({ name, severity, status, observed }) => [name, severity, status, observed]),
  ).toEqual([
    ["app.bill", "warn", "fail", "2026-11-20T00:00:00Z"],
    ["app.user", "warn", "pass", "2026-11-28T00:00:00Z"],
  ]);
});
