import type { TablePlace } from "../table-place.ts";
import type { DbtManifest } from "./files.ts";

/** How a model is materialized whose rows lie in a file of their own. */
const external = "external";

/** A model that lies in files of its own. */
export interface ExternalModel {
  readonly uniqueId: string;
  readonly schema: string;
  readonly name: string;
}

/** Each model that lies in files of its own, by dbt's manifest, as its table is called. */
export function externalModels({ nodes }: DbtManifest): ExternalModel[] {
  return Object.entries(nodes).flatMap(([uniqueId, { resource_type, config, schema, alias, name }]) =>
    resource_type === "model" && config?.materialized === external && schema ? [{ uniqueId, schema, name: alias ?? name }] : [],
  );
}

/**
 * Where tables lie that no view tells of, by dbt's manifest: a model `fct` is the one file `fct.parquet`, or the one folder `fct` with files in it. A name that two models or two places have
 * tells nothing. dbt hides the row of NULLs that it writes for an empty one in its view, which is what is missing here.
 */
export function placesOfModels(manifest: DbtManifest, files: readonly string[]): TablePlace[] {
  const byName = new Map<string, { readonly schema: string; readonly name: string }[]>();
  for (const model of externalModels(manifest)) byName.set(model.name, [...(byName.get(model.name) ?? []), model]);
  const paths = new Map<string, Set<string>>();
  const note = (name: string, path: string): void => {
    if (byName.has(name)) paths.set(name, (paths.get(name) ?? new Set()).add(path));
  };
  for (const file of files) {
    const parts = file.split("/");
    for (const [index, part] of parts.slice(0, -1).entries()) note(part, parts.slice(0, index + 1).join("/"));
    note((parts.at(-1) ?? "").replace(/\.parquet$/, ""), file);
  }
  return [...byName].flatMap(([name, [model, ...others]]) => {
    const [path, ...more] = paths.get(name) ?? [];
    if (model === undefined || others.length > 0 || path === undefined || more.length > 0) return [];
    return [{ schema: model.schema, name: model.name, path, hidesRow: true }];
  });
}

/** Databases that the project's own models lie in: what a view reads from another one was attached to the build alone. */
export function databasesOf({ nodes }: DbtManifest): ReadonlySet<string> {
  const own = Object.values(nodes).filter(({ resource_type }) => ["model", "seed", "snapshot"].includes(resource_type));
  return new Set(own.flatMap(({ database }) => (database ? [database.toLowerCase()] : [])));
}
