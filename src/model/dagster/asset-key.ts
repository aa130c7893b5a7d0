import type { PublishResult } from "../results.ts";

type Table = PublishResult["tables"][number];

/** The parts of a key as Dagster writes it: `/` between parts, and `\` before a character that is part of a name. */
export function assetKeyParts(key: string): string[] {
  const parts = [""];
  for (const [, escaped, character = ""] of key.matchAll(/\\([^])|([^])/g)) {
    if (escaped === undefined && character === "/") parts.push("");
    else parts.push((parts.pop() ?? "") + (escaped ?? character));
  }
  return parts.filter((part) => part !== "");
}

/**
 * The table that an asset stands for: of the name that its key ends with, in any case; of several that of the schema which the key names before, else that
 * of `main`. `undefined` where there is none.
 */
export function tableOfAsset(key: string, tables: readonly Table[]): Table | undefined {
  const parts = assetKeyParts(key);
  const found = tables.filter(({ name }) => isSame(name, parts.at(-1)));
  if (found.length < 2) return found[0];
  return found.find(({ schema }) => isSame(schema, parts.at(-2))) ?? found.find(({ schema }) => schema === "main");
}

function isSame(left: string, right: string | undefined): boolean {
  return left.toLowerCase() === right?.toLowerCase();
}
