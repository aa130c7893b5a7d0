import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runTests } from "../proof/mutants/mutate.ts";
import { proofLedger } from "../proof/ledger.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readerVariants } from "./reader-variants.ts";
import { whyNoDuckdb } from "./support.ts";

const clients = fileURLToPath(new URL("../../clients/python/", import.meta.url));
const ledger = proofLedger("mutants", "python");

/** A copy of the Python files with the edits of a variant. Throws when an edit no longer fits them. */
function copyWith(edits: (typeof readerVariants)[number]["edits"]): string {
  const folder = join(temporaryFolder(), "python");
  cpSync(clients, folder, { recursive: true });
  for (const { file, find, replace } of edits) {
    const path = join(folder, file);
    const parts = readFileSync(path, "utf8").split(find);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places, not one, that read\n${find}`);
    writeFileSync(path, parts.join(replace));
  }
  return folder;
}

function rowOf({ name, caughtBy }: Pick<(typeof readerVariants)[number], "name" | "caughtBy">) {
  return { operation: `Python: ${name}`, fault: `${caughtBy.file}: ${caughtBy.title} …`, outcome: "caught" };
}

describe.skipIf(whyNoDuckdb !== "")("broken variants of the reader for Python", () => {
  test.for(readerVariants)("$name: caught", async ({ name, edits, caughtBy, says }) => {
    const { exit, output } = await runTests([caughtBy.file], [caughtBy.title], { LOCKKEEPER_CLIENTS: copyWith(edits) });
    expect(output).toMatch(/Tests .*\d+ failed/);
    expect(output).toMatch(says);
    expect(exit).toBe(1);
    ledger.add({ ...rowOf({ name, caughtBy }), count: 1 });
  });

  const files = [...new Set(readerVariants.map(({ caughtBy }) => caughtBy.file))];
  // All of these tests are of the suites, too, where they pass on the files themselves.
  test.for(files)("%s: the first of these tests passes on a copy that is unbroken", async (file) => {
    const first = readerVariants.find(({ caughtBy }) => caughtBy.file === file);
    const { exit, output } = await runTests([file], [first?.caughtBy.title ?? ""], { LOCKKEEPER_CLIENTS: copyWith([]) });
    expect(output).toMatch(/Tests .*\d+ passed/);
    expect(exit).toBe(0);
  });
});

test.runIf(whyNoDuckdb !== "")("broken variants of the reader for Python are not tried", () => {
  for (const variant of readerVariants) ledger.add({ ...rowOf(variant), count: 0, skipped: whyNoDuckdb });
});
