import { chmodSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { whyNoDbtWithPostgres } from "../../dbt/support.ts";
import { startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const demo = fileURLToPath(new URL("../../../examples/marts-dbt/demo.mjs", import.meta.url));

test.skipIf(whyNoDbtWithPostgres !== "")("the demo publishes the marts of two days, and leaves nothing", async () => {
  const scratch = temporaryFolder();
  chmodSync(scratch, 0o711); // PostgreSQL is run as another user, where we are root
  const child = startProgram([process.execPath, demo, "--days", "20"], { env: { TMPDIR: scratch } });
  const { code } = await child.ended;
  expect([code, child.stderr(), child.stdout()]).toEqual([0, "", expect.stringContaining("now serves r000002 (version 2)")]);
  expect(child.stdout()).toMatch(/11 tables, [\d,]+ rows; \d+ checks/);
  expect(child.stdout()).toMatch(/ +\d{4}-\d{2}-\d{2} +2\n +1 row from r000002\n/);
  expect(readdirSync(scratch)).toEqual([]);
});

test.runIf(whyNoDbtWithPostgres !== "")("the demo of marts-dbt is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
