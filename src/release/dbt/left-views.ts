import type { CheckResult } from "../../model/check.ts";
import type { DbtManifest } from "../../model/dbt/files.ts";
import { databasesOf } from "../../model/dbt/places.ts";
import { placeOfView } from "../../model/table-place.ts";
import type { Built } from "../artifacts/built.ts";
import { listed } from "../checks/context.ts";
import type { BuildFolder } from "../build/folder.ts";
import type { FileView } from "../engine.ts";
import type { ReleaseStore } from "../store.ts";

/** What a build's DuckDB file has views of. */
export interface Viewed {
  readonly views: readonly FileView[];
  /** Those that the build began with, over tables of the release before. */
  readonly shown: readonly { readonly schema: string; readonly name: string }[];
  readonly built: Built;
  /** `undefined` where the build was none of dbt's. */
  readonly manifest: DbtManifest | undefined;
}

/**
 * Takes the views out of a build's DuckDB file that cannot work in a release: those that show its own Parquet tables, which readers make anew over the release's files (FACTS 2.14), and in a build of
 * dbt's those over a database that was attached to the build alone, as staging views over PostgreSQL are (FACTS 2.7). The latter are told by the check that it resolves with.
 */
export async function leaveViews(
  store: ReleaseStore,
  build: BuildFolder,
  { views, shown: begun, built, manifest }: Viewed,
): Promise<CheckResult | undefined> {
  const folders = [build.folder, (await store.platform.files.resolve(build.folder)) ?? build.folder];
  const places = new Set(built.tables.flatMap(({ parquet }) => parquet.builtAt ?? []));
  const isBegun = (view: FileView) =>
    begun.some(({ schema, name }) => schema === view.schema && name === view.name) &&
    folders.some((folder) => withoutBrackets(view.definition).includes(folder.replaceAll("'", "''")));
  const shown = views.filter((view) => places.has(placeOfView(view, folders)?.path ?? "") || isBegun(view));
  const foreign =
    manifest === undefined ? [] : foreignViews(views, new Set([...databasesOf(manifest), build.basename.toLowerCase()]));
  const drop = [...shown, ...foreign.map(({ view }) => view)];
  if (drop.length > 0) await store.engine.changeViews(build.path, { drop, show: [] });
  const [first] = foreign;
  if (first === undefined) return undefined;
  const names = listed(foreign.map(({ view }) => `${view.schema}.${view.name}`));
  return {
    name: "dbt_views",
    check: "dbt_views",
    severity: "warn",
    status: "fail",
    table: `${first.view.schema}.${first.view.name}`,
    observed: `${foreign.length}: ${names}`,
    expected: "views over the release's own tables",
    message: `${names}: left out, for what they read was attached to the build alone, as ${first.database}; make them tables to have them in the release`,
  };
}

/** A wildcard in brackets is our own way to write that character. */
function withoutBrackets(text: string): string {
  return text.replaceAll(/\[([*?[])\]/g, "$1");
}

function foreignViews(
  views: readonly FileView[],
  own: ReadonlySet<string>,
): { readonly view: FileView; readonly database: string }[] {
  return views.flatMap((view) => {
    const database = /Catalog "([^"]+)" does not exist/.exec(view.error ?? "")?.[1];
    return database === undefined || own.has(database.toLowerCase()) ? [] : [{ view, database }];
  });
}
