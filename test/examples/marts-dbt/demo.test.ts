import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findPostgres } from "../../../examples/lib/postgres.mjs";
import { startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const demo = fileURLToPath(new URL("../../../examples/marts-dbt/demo.mjs", import.meta.url));

/** Runs the demo where it must end at once; what it said. */
async function refusal(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = startProgram([process.execPath, demo, ...words], { env });
  const { code } = await child.ended;
  return [code, child.stdout(), child.stderr()];
}

test("where dbt is missing the demo says so, and what to do", async () => {
  const none = `${temporaryFolder()}/dbt`;
  const postgres = findPostgres();
  const missing = "why" in postgres ? postgres.why : `the demo needs dbt with dbt-duckdb: there is no program ${none}`;
  const [code, stdout, stderr] = await refusal(["--dbt", none]);
  expect([code, stdout]).toEqual([10, ""]);
  expect(stderr).toContain(`error: ${missing}\n`);
  expect(stderr).toMatch(/^ {2}Install /m);
});

test.each([
  [["--days", "0"], '--days is "0"'],
  [["--dais", "7"], "--dais"],
])("%j is exit 2 with the usage", async (words, what) => {
  const said = await refusal(words);
  expect(said).toEqual([2, "", expect.stringContaining(what)]);
  expect(said[2]).toContain("Usage: node demo.mjs [options]");
});
