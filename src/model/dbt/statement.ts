import type { DbtManifest } from "./files.ts";

/** A table of a build, as its release has it; `builtSchema` where dbt called its schema something else. */
export interface NamedTable {
  readonly schema: string;
  readonly name: string;
  readonly builtSchema?: string | undefined;
}

/** Two or three names in quotes with points between, as dbt writes a relation. */
const relation = /(?:"(?:[^"]|"")*"\.)?"(?:[^"]|"")*"\."(?:[^"]|"")*"/g;

const quotedName = /"(?:[^"]|"")*"/g;

/**
 * A test's statement, so that it runs on the tables of its build, or in a release: the database that dbt worked in is no part of their names. `undefined` where it asks for something that is not
 * there, such as a staging view over a source.
 */
export function statementOn(sql: string, manifest: DbtManifest, tables: readonly NamedTable[]): string | undefined {
  const relations = new Set(relationsOf(manifest).map(keyOf));
  const byKey = new Map(tables.map((table) => [keyOf({ ...table, schema: table.builtSchema ?? table.schema }), table]));
  const read = (sql.match(relation) ?? []).map(keyIn).filter((key) => relations.has(key));
  if (!read.every((key) => byKey.has(key))) return undefined;
  return sql.replaceAll(relation, (written) => {
    const key = keyIn(written);
    const table = relations.has(key) ? byKey.get(key) : undefined;
    return table === undefined ? written : `${quoted(table.schema)}.${quoted(table.name)}`;
  });
}

/** The key of a relation as it is written. */
function keyIn(written: string): string {
  const [name = "", schema = ""] = (written.match(quotedName) ?? []).map(unquoted).toReversed();
  return keyOf({ schema, name });
}

/** What a statement of dbt's may read: what the project makes, and its sources. */
function relationsOf({ nodes, sources }: DbtManifest): NamedTable[] {
  const own = Object.values(nodes).filter(({ resource_type }) => ["model", "seed", "snapshot"].includes(resource_type));
  const made = own.map(({ schema, alias, name }) => ({ schema: schema ?? "", name: alias ?? name }));
  const read = Object.values(sources ?? {}).map(({ schema, identifier, name }) => ({
    schema: schema ?? "",
    name: identifier ?? name,
  }));
  return [...made, ...read];
}

/** Names compare without case, as in SQL. */
function keyOf({ schema, name }: NamedTable): string {
  return JSON.stringify([schema.toLowerCase(), name.toLowerCase()]);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function unquoted(name: string): string {
  return name.slice(1, -1).replaceAll('""', '"');
}
