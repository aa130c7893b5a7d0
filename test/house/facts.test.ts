import { expect, test } from "vitest";
import { readText, repositoryFiles } from "./sources.ts";

/** Numbers of the facts that a text names: `FACTS 1.3` is `1.3`. */
function factsNamed(text: string): string[] {
  return [...text.matchAll(/FACTS (\d+(?:\.\d+)?)/g)].map(([, number = ""]) => number);
}

/** Those of `numbers` that the page does not have, as a row or as a section. */
function unknownFacts(page: string, numbers: readonly string[]): string[] {
  return numbers.filter((number) => !page.includes(number.includes(".") ? `\n| ${number} |` : `\n## ${number}. `));
}

test("every fact that a source or a test names is in docs/facts.md", () => {
  const page = readText("docs/facts.md");
  const files = repositoryFiles().filter((path) => /\.(?:ts|mjs)$/.test(path) && path !== "test/house/facts.test.ts");
  const named = new Set(files.flatMap((path) => factsNamed(readText(path))));
  expect(named.size).toBeGreaterThan(10);
  expect(unknownFacts(page, [...named])).toEqual([]);
  expect(unknownFacts(page, factsNamed("a test of FACTS 99.9 and of FACTS 7"))).toEqual(["99.9", "7"]);
});
