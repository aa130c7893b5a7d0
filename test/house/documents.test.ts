import { describe, expect, test } from "vitest";
import { errorCodes } from "../../src/errors/codes.ts";
import { brokenLinks, missingDocuments, unlinkedDocuments, unusedCodes } from "./rules/documents.ts";
import { readText, repositoryFiles, sourcesBelow } from "./sources.ts";

const files = repositoryFiles();
const documents = files.filter((path) => path.endsWith(".md")).map((path) => ({ path, text: readText(path) }));

describe("documents", () => {
  test("each is linked from the index", () => {
    expect(unlinkedDocuments(documents)).toEqual([]);
  });

  test("one that is not linked is found, and a missing index", () => {
    const index = { path: "docs/README.md", text: "[A](a.md), `[b](b.md)`\n```\n[c](c.md)\n```\n" };
    const others = ["a", "b", "c"].map((name) => ({ path: `docs/${name}.md`, text: "" }));
    expect(unlinkedDocuments([index, ...others])).toEqual([
      "docs/b.md is not linked from docs/README.md",
      "docs/c.md is not linked from docs/README.md",
    ]);
    expect(unlinkedDocuments(others)).toEqual(["docs/README.md is missing"]);
  });

  test("every relative link leads somewhere", () => {
    expect(brokenLinks(documents, files)).toEqual([]);
  });

  test("one that does not is found", () => {
    const document = { path: "docs/a.md", text: "[x](../LICENSE) [y](b.md#part) [z](https://example.org/) [s](../src/)" };
    expect(brokenLinks([document], ["LICENSE", "src/a.ts"])).toEqual(["docs/a.md links docs/b.md, which does not exist"]);
  });

  test("sources speak only of documents that exist", () => {
    expect(missingDocuments(sourcesBelow("src"), files)).toEqual([]);
    expect(missingDocuments([{ path: "src/a.ts", text: "// docs/none.md says why." }], files)).toHaveLength(1);
  });
});

describe("error codes", () => {
  const sources = files.filter((path) => /^(?:src|examples)\//.test(path)).map((path) => ({ path, text: readText(path) }));

  test("each is used", () => {
    expect(unusedCodes(Object.keys(errorCodes), sources)).toEqual([]);
  });

  test("one that nothing uses is found; the list itself does not count", () => {
    const list = { path: "src/errors/codes.ts", text: '"GONE"' };
    expect(unusedCodes(["GONE"], [list])).toEqual(["GONE is never used"]);
    expect(unusedCodes(["GONE"], [list, { path: "src/a.ts", text: 'error("GONE")' }])).toEqual([]);
  });
});
