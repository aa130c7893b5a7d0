import { z } from "zod";
import { pathIndex } from "./path-index.ts";
import { sqlToken } from "./sql-token.ts";

/** Where a table of Parquet files lies in a build's folder, by the word of who wrote it. */
export interface TablePlace {
  readonly schema: string;
  readonly name: string;
  /** Its file, or the folder of its files: relative to the build's folder, with `/`. */
  readonly path: string;
  /** Whether its view hides a row: dbt's external materialization writes one of NULLs for an empty model, and filters it out in its view (FACTS 2.11). */
  readonly hidesRow: boolean;
}

/** A view and the statement that made it, as the engine prints it. */
export interface PrintedView {
  readonly schema: string;
  readonly name: string;
  readonly definition: string;
}

/** The filter that dbt puts into the view of an empty model. */
const emptyFilter = /^\s*WHERE \(1 AND [\s\S]+ IS NOT NULL\)\);?$/;

/**
 * The table that a view shows whole: `SELECT * FROM read_parquet('…')` over one file, or over all of a folder, below one of `folders`, which are absolute and all mean the build's. Other
 * views, also those that choose, join, rename columns or show several files, name no table: `undefined`.
 */
export function placeOfView({ schema, name, definition }: PrintedView, folders: readonly string[]): TablePlace | undefined {
  const head = /^[^(]* AS SELECT \* FROM /.exec(blanked(definition));
  const source = head === null ? undefined : sourceIn(definition.slice(head[0].length));
  if (source === undefined) return undefined;
  const hidesRow = emptyFilter.test(source.rest);
  if (!hidesRow && !/^\s*;?\s*$/.test(source.rest)) return undefined;
  const path = relativeTo(folders, source.path);
  return path === undefined || path === "" ? undefined : { schema, name, path, hidesRow };
}

/** The path that a `FROM` begins with, as a function's first value or as a name, and what comes behind. */
function sourceIn(from: string): { readonly path: string; readonly rest: string } | undefined {
  const [quoted, identifier] = /^"((?:[^"]|"")*)"/.exec(from) ?? [];
  if (quoted !== undefined) return { path: (identifier ?? "").replaceAll('""', '"'), rest: from.slice(quoted.length) };
  const [call] = /^(?:read_parquet|parquet_scan)\(/.exec(from) ?? [];
  if (call === undefined) return undefined;
  const inside = from.slice(call.length);
  const [, alone, listed] = /^(?:'((?:[^']|'')*)'|main\.list_value\('((?:[^']|'')*)'\))/.exec(inside) ?? [];
  const literal = alone ?? listed;
  const end = callEnd(inside);
  return literal === undefined || end === undefined
    ? undefined
    : { path: literal.replaceAll("''", "'"), rest: inside.slice(end) };
}

/** The text with what stands in quotes made blank, so that nothing in a name or a string is taken for SQL. */
function blanked(sql: string): string {
  return sql.replaceAll(sqlToken, (token) => (/^["'$eE]/.test(token) ? " ".repeat(token.length) : token));
}

/** Just behind the bracket that closes a call whose inside begins the text. */
function callEnd(inside: string): number | undefined {
  const code = blanked(inside);
  let depth = 1;
  for (let index = 0; index < code.length; index += 1) {
    if (code[index] === "(") depth += 1;
    if (code[index] === ")") depth -= 1;
    if (depth === 0) return index + 1;
  }
  return undefined;
}

/** The folder that a pattern takes all of, or the file, relative to the folder that it lies in. A partition of a table, or files with some names, are no table. */
function relativeTo(folders: readonly string[], pattern: string): string | undefined {
  const path = pattern.replaceAll("\\", "/");
  for (const folder of folders) {
    const prefix = `${folder.replaceAll("\\", "/").replace(/\/$/, "")}/`;
    // A wildcard in brackets is our own way to write that character.
    const written = [path, path.replaceAll(/\[([*?[])\]/g, "$1")].find((text) => text.startsWith(prefix));
    if (written === undefined) continue;
    const parts = written.slice(prefix.length).split("/");
    const wild = parts.findIndex((part) => /[*?[]/.test(part));
    const plain = (wild < 0 ? parts : parts.slice(0, wild)).filter((part) => part !== "" && part !== ".");
    const takesAll = wild < 0 || parts.slice(wild).every((part) => /^(?:\*\*?|\*\.parquet|[^*?[=]+=\*)$/.test(part));
    return takesAll && !plain.some((part) => part === ".." || part.includes("=")) ? plain.join("/") : undefined;
  }
  return undefined;
}

/** Places by which of two words goes. */
export interface MergedPlaces {
  readonly places: readonly TablePlace[];
  /** Earlier places of tables that now lie elsewhere: what is there is no part of the release. */
  readonly left: readonly TablePlace[];
}

/** What is said of tables `now`, over what was said `before`: a table that has moved has left its place. */
export function mergePlaces(before: readonly TablePlace[], now: readonly TablePlace[]): MergedPlaces {
  const said = new Map(now.map((place) => [keyOf(place), place]));
  const taken = new Set(now.map(({ path }) => path));
  const kept = before.filter((place) => !said.has(keyOf(place)) && !taken.has(place.path));
  const around = pathIndex(now, ({ path }) => path);
  const holding = new Set([...kept, ...now].flatMap(({ path }) => withFolders(path)));
  const left = before.filter((place) => said.has(keyOf(place)) && around(place.path) === undefined && !holding.has(place.path));
  return { places: [...kept, ...now], left };
}

/** A path and the folders that it lies in. */
function withFolders(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_part, index) => parts.slice(0, index + 1).join("/"));
}

/** Names compare without case, as in SQL. */
function keyOf({ schema, name }: Pick<TablePlace, "schema" | "name">): string {
  return JSON.stringify([schema.toLowerCase(), name.toLowerCase()]);
}

const knownSchema = z.object({
  places: z.array(z.object({ schema: z.string(), name: z.string(), path: z.string(), hidesRow: z.boolean() })),
  shown: z.array(z.object({ schema: z.string(), name: z.string() })),
});

/** What is known of a build's tables, as its folder keeps it. */
export interface KnownTables {
  readonly places: readonly TablePlace[];
  /** Views that the build began with, over the tables of the release that it began with. */
  readonly shown: readonly { readonly schema: string; readonly name: string }[];
}

/** Nothing where the text is not ours. */
export function parseKnownTables(text: string): KnownTables {
  try {
    const { data } = knownSchema.safeParse(JSON.parse(text));
    if (data !== undefined) return data;
  } catch {
    // Told below.
  }
  return { places: [], shown: [] };
}
