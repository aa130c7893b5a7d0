import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const script = fileURLToPath(new URL("../../scripts/python-environment.mjs", import.meta.url));
const packages = fileURLToPath(new URL("../../.python-duckdb2", import.meta.url));

/** Runs the script with the programs of one folder alone. */
async function run(words: readonly string[], path: string) {
  const child = startProgram([process.execPath, script, ...words], { env: { PATH: path } });
  const { code } = await child.ended;
  return [code, child.stdout(), child.stderr()];
}

test("without a Python that is new enough it says what it tried, touches nothing, and is exit 1", async () => {
  const before = existsSync(packages);
  const folder = temporaryFolder();
  expect(await run(["duckdb2"], folder)).toEqual([
    1,
    "",
    ".python-duckdb2: needs Python 3.11 or newer; tried: python3.11 is not there, python3 is not there\n",
  ]);
  writeFileSync(join(folder, "python3"), "#!/bin/sh\necho 3.8\n");
  chmodSync(join(folder, "python3"), 0o755);
  expect((await run(["duckdb2"], folder))[2]).toContain("python3.11 is not there, python3 3.8");
  expect(existsSync(packages)).toBe(before);
});

test.each([[[]], [["pandas"]], [["dbt", "constructor"]]])("%j is exit 2 with the usage", async (words) => {
  expect(await run(words, "")).toEqual([2, "", "Usage: node scripts/python-environment.mjs duckdb|dbt|duckdb2 …\n"]);
});
