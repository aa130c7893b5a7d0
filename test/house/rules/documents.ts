import { dirname, join, normalize } from "node:path";

/** A Markdown file. `path` is relative to the repository. */
export interface Document {
  readonly path: string;
  readonly text: string;
}

/** Files of `docs/` that its index does not link. */
export function unlinkedDocuments(documents: readonly Document[]): string[] {
  const index = documents.find(({ path }) => path === "docs/README.md");
  if (!index) return ["docs/README.md is missing"];
  const linked = new Set(linksOf(index));
  return documents
    .filter(({ path }) => path.startsWith("docs/") && path !== index.path && !linked.has(path))
    .map(({ path }) => `${path} is not linked from ${index.path}`);
}

/** Relative links that lead to no file or folder of the repository. */
export function brokenLinks(documents: readonly Document[], files: readonly string[]): string[] {
  const known = new Set(files.flatMap((path) => [path, ...foldersOf(path)]));
  return documents.flatMap((document) =>
    linksOf(document)
      .filter((link) => !known.has(link))
      .map((link) => `${document.path} links ${link}, which does not exist`),
  );
}

/** Error codes of `all` that no source but the list names. */
export function unusedCodes(all: readonly string[], sources: readonly Document[]): string[] {
  const users = sources.filter(({ path }) => path !== "src/errors/codes.ts");
  return all.filter((code) => !users.some(({ text }) => text.includes(`"${code}"`))).map((code) => `${code} is never used`);
}

/** Documents that sources send their readers to and that do not exist. */
export function missingDocuments(sources: readonly Document[], files: readonly string[]): string[] {
  return sources.flatMap(({ path, text }) =>
    [...text.matchAll(/\bdocs\/[\w./-]+\.md\b/g)]
      .map(([target]) => target)
      .filter((target) => !files.includes(target))
      .map((target) => `${path} speaks of ${target}, which does not exist`),
  );
}

/** Targets of a document's relative links, as paths of the repository. */
function linksOf({ path, text }: Document): string[] {
  const prose = text.replaceAll(/^```[^]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(path), target)).replace(/\/$/, ""));
}

function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? ["."] : [folder, ...foldersOf(folder)];
}
