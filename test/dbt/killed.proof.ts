import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import { sqlFile } from "../../examples/marts-dbt/demo/source.mjs";
import { isAlive } from "../proof/signals/stopped.ts";
import type { Child } from "../support/child.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { holdTable } from "./held.ts";
import { outcomes } from "./outcomes.ts";
import { whyNoDbtWithPostgres } from "./support.ts";
import { dbtWords, exampleWorkspace, said, smallest, type DbtWorkspace } from "./workspace.ts";

const run = dbtWords("run");

/** Its file takes far longer to write than to be seen. */
const slowlyWritten = {
  "models/marts/fct_words.sql": `{{ config(options={'codec': 'zstd', 'compression_level': 22, 'row_group_size': 2048}) }}
select range as n, md5(range::varchar) as word from range(1000000)`,
};

/** The process of dbt among the children of another, once it is there. */
async function dbtUnder(parent: number): Promise<number> {
  while (isAlive(parent)) {
    const { stdout } = spawnSync("ps", ["-o", "pid=,args=", "--ppid", String(parent)], { encoding: "utf8" });
    const line = stdout.split("\n").find((each) => / dbt | \S*\/dbt /.test(` ${each} `));
    if (line !== undefined) return Number.parseInt(line, 10);
    await pause(20);
  }
  throw new Error(`process ${parent} ended without a dbt`);
}

describe.skipIf(whyNoDbtWithPostgres !== "")("a build by dbt that is stopped in its middle", () => {
  const through = whenThrough();
  let cluster: Cluster;
  let marts: DbtWorkspace;

  beforeAll(async () => {
    cluster = await startPostgres();
    await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], smallest);
    const models = ["dim_category", "dim_merchant", "stg_merchant", "stg_category", "stg_load_state"];
    marts = exampleWorkspace(temporaryFolder(through), { env: cluster.env, models, undescribed: models });
    marts.configure({ stores: ["marts", "other"] });
  });
  afterAll(() => cluster.remove());

  /** Does something to a publish whose dbt waits for rows of PostgreSQL, until these are let go. */
  async function inTheMiddle(act: (child: Child) => unknown, command = run) {
    const held = await holdTable(cluster, "finance.merchant");
    const child = marts.start(["publish", "marts", "--", ...command]);
    await held.awaited();
    await act(child);
    return { child, held };
  }

  /** A publish whose dbt is in the middle of a file. */
  async function inAFile(command: readonly string[]) {
    const child = marts.start(["publish", "marts", "--", ...command]);
    for (;;) {
      if (!isAlive(child.pid)) throw new Error(child.stderr());
      const path = join(marts.folder(), ".lockkeeper/builds", marts.builds()[0] ?? "", "fct_words.parquet");
      if (existsSync(path) && statSync(path).size > 0) return { child, path };
      await pause(5);
    }
  }

  test("the first release", async () => {
    await marts.comesTo(outcomes.built, () => marts.publish(run));
  });

  test("kill -9 of dbt leaves files without their end, and fails the build (FACTS 2.15)", async () => {
    const { error } = await marts.comesTo(outcomes.killed, () =>
      marts.edited(slowlyWritten, async () => {
        const { child, path } = await inAFile(run);
        const dbt = await dbtUnder(child.pid);
        process.kill(dbt, "SIGSTOP");
        const end = readFileSync(path).subarray(-4).toString("latin1");
        process.kill(dbt, "SIGKILL");
        expect(end).not.toBe("PAR1");
        return said(child);
      }),
    );
    expect(error?.message).toMatch(/was killed by SIGKILL: dbt .*; its last line: .* OK created sql /);
  });

  test("where a shell hides that by exit 0, the file without its end refuses the release, and so do the results that are missing", async () => {
    const { checks } = await marts.comesTo(outcomes.hidden, () =>
      marts.edited(slowlyWritten, async () => {
        const { child } = await inAFile(["sh", "-c", `${run.join(" ")}; true`]);
        process.kill(await dbtUnder(await dbtUnder(child.pid)), "SIGKILL");
        return said(child);
      }),
    );
    const failed = checks.filter(({ status }) => status === "fail").map(({ name, message }) => [name, message]);
    expect(failed).toEqual([
      ["parquet_footers", expect.stringMatching(/fct_words\.parquet has no end/)],
      ["dbt_results", expect.stringMatching(/^dbt began to build and left no dbt-target\/run_results\.json/)],
    ]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s to dbt alone fails the build", async (signal) => {
    const { error } = await marts.comesTo(outcomes.killed, async () => {
      const { child, held } = await inTheMiddle(async ({ pid }) => process.kill(await dbtUnder(pid), signal));
      // dbt ends of SIGINT once its models are through with the statement that they are at.
      await held.letGo();
      return said(child);
    });
    expect(error?.message).toMatch(
      signal === "SIGTERM" ? /was killed by SIGTERM: / : /exited with code 2: .*; its last line: KeyboardInterrupt/,
    );
  });

  test.each([
    ["SIGTERM", outcomes.terminated],
    ["SIGINT", outcomes.interrupted],
  ] as const)("%s to lockkeeper ends dbt, and nothing is left", async (signal, outcome) => {
    let dbt = 0;
    await marts.comesTo(outcome, async () => {
      const { child, held } = await inTheMiddle(async ({ pid }) => {
        dbt = await dbtUnder(pid);
        process.kill(pid, signal);
      });
      const result = await said(child);
      await held.letGo();
      return result;
    });
    expect(isAlive(dbt)).toBe(false);
  });

  test("PostgreSQL that ends in the middle fails the model that reads it", async () => {
    const { error } = await marts.comesTo(outcomes.lost, async () => {
      // No other mart, which would fail with it where it is not through by then.
      const alone = dbtWords("run", "--select", "+dim_merchant");
      const { child } = await inTheMiddle(() => cluster.stop("QUIT"), alone);
      await cluster.start();
      return said(child);
    });
    expect(error?.message).toMatch(
      /exited with code 1: .*; model\.finance\.dim_merchant: Runtime Error in model dim_merchant .*server closed the connection unexpectedly/,
    );
  });

  test("two stores at once; kill -9 of lockkeeper: its dbt keeps the lock and is named until it ends, then the next publish cleans up", async () => {
    const { child, held } = await inTheMiddle(() => undefined);
    const other = marts.start(["publish", "other", "--", ...run]);
    const dbt = await dbtUnder(child.pid);
    await held.awaited(2);
    const first = await marts.comesTo(outcomes.locked, () => marts.publish(run));
    expect(first.error?.message).toMatch(
      new RegExp(`^the build lock of marts is held by process ${child.pid} \\(node lockkeeper.* publish marts .* since `),
    );
    expect(first.error?.hint).toContain("--wait 10m");
    child.process.kill("SIGKILL");
    // Its output stays open as long as its orphan has it.
    while (isAlive(child.pid)) await pause(5);
    const second = await marts.comesTo(outcomes.locked, () => marts.publish(run));
    expect(second.error?.message).toMatch(
      new RegExp(`is held by process ${dbt} \\(.*dbt .*, which process ${child.pid} .* had started before it died$`),
    );
    const [left] = marts.builds();
    expect(left).toBeDefined();
    await held.letGo();
    expect(await said(other)).toMatchObject({ exit: 0, outcome: "switched", release: "r000001" });
    const next = await marts.comesTo(outcomes.built, () => marts.publish(run, { words: ["--wait", "10m"] }));
    expect(next).toMatchObject({ release: "r000002", version: 2 });
    expect([isAlive(dbt), marts.builds(), marts.builds("other")]).toEqual([false, [], []]);
    expect(await marts.read("SELECT count(*) FROM main_mart.dim_merchant", "other")).toEqual([["120"]]);
  });
});

test.runIf(whyNoDbtWithPostgres !== "")("builds by dbt that are stopped are not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
