import { describe, expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { compileVariant, isAsCompiled, removeVariant, runTests } from "./mutate.ts";
import { variants } from "./variants.ts";

const ledger = proofLedger("mutants", "variants");

// All of these tests are of the suites, too, where they pass on the compiled sources: so they need not be run unbroken here once more.
test("without its edits a variant is the compiled sources, byte by byte", () => {
  const edited = [...new Set(variants.flatMap(({ edits }) => edits.map(({ file }) => file)))];
  expect(edited.filter((file) => !isAsCompiled(file))).toEqual([]);
});

/** A test whose outcome is that it ran and failed; vitest exits with 1 also for a file that does not load, so the words count, too. */
test("at least twelve broken variants are kept, each under a name of its own", () => {
  expect(variants.length).toBeGreaterThanOrEqual(12);
  expect(new Set(variants.map(({ name }) => name)).size).toBe(variants.length);
});

describe.concurrent("broken variants", () => {
  test.for(variants.map((variant, index) => ({ ...variant, id: `variant-${index}` })))(
    "$name: caught",
    async ({ id, name, edits, caughtBy, says }) => {
      try {
        const { exit, output } = await runTests([caughtBy.file], [caughtBy.title], {
          LOCKKEEPER_DIST: compileVariant(id, edits),
        });
        expect(output).toMatch(/Tests .*\d+ failed/);
        expect(output).toMatch(says);
        expect(exit).toBe(1);
      } finally {
        removeVariant(id);
      }
      ledger.add({ operation: name, fault: `${caughtBy.file}: ${caughtBy.title} …`, outcome: "caught", count: 1 });
    },
  );

  const files = [...new Set(variants.map(({ caughtBy }) => caughtBy.file))];
  test.for([true, false])(
    "proofs %s: the first of each file's tests passes where variants are run, unbroken",
    async (areProofs) => {
      const own = files.filter((file) => file.endsWith(".proof.ts") === areProofs);
      const titles = own.map((file) => variants.find(({ caughtBy }) => caughtBy.file === file)?.caughtBy.title ?? "");
      const id = `unbroken-${areProofs}`;
      try {
        const { exit, output } = await runTests(own, titles, { LOCKKEEPER_DIST: compileVariant(id, []) });
        expect(output).toMatch(new RegExp(`Test Files .*\\b${own.length} passed`));
        expect(exit).toBe(0);
      } finally {
        removeVariant(id);
      }
    },
  );
});
