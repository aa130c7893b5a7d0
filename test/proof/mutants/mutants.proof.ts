import { describe, expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { compileVariant, removeVariant, runTests } from "./mutate.ts";
import { variants } from "./variants.ts";

const ledger = proofLedger("mutants", "variants");

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
        const { exit, output } = await runTests(caughtBy.file, [caughtBy.title], compileVariant(id, edits));
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
  test.for(files)("%s: the same tests pass on sources that were compiled the same way, unbroken", async (file) => {
    const here = variants.filter(({ caughtBy }) => caughtBy.file === file);
    const titles = new Set(here.map(({ caughtBy }) => caughtBy.title));
    const id = `unbroken-${files.indexOf(file)}`;
    try {
      const { exit, output } = await runTests(file, [...titles], compileVariant(id, []));
      const [, passed] = /Tests .*?(\d+) passed/.exec(output) ?? [];
      expect(Number(passed)).toBeGreaterThanOrEqual(titles.size);
      expect(exit).toBe(0);
    } finally {
      removeVariant(id);
    }
  });
});
