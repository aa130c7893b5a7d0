import { join, relative, sep } from "node:path";
import type { ReleaseRecord } from "../../model/release-record.ts";
import type { TablePlace } from "../../model/table-place.ts";
import { builtPathIn, sourceOf, tablesOfRecord } from "../artifacts/built.ts";
import type { ReleaseStore } from "../store.ts";
import type { BuildFolder } from "./folder.ts";
import { keepKnownTables } from "./places.ts";

/**
 * Shows the Parquet tables that a build began with in its DuckDB file, by the names that they had in the build that wrote them: one that makes a part of them anew reads the others by their names (FACTS
 * 2.16). Where they lie is kept, for what is made anew may lie elsewhere. Throws `DISK_FULL`, `DATABASE_CORRUPT`.
 */
export async function showBase(
  store: ReleaseStore,
  { path, folder }: Pick<BuildFolder, "path" | "folder">,
  record: ReleaseRecord,
): Promise<void> {
  const placeOf = builtPathIn(record);
  const columnsOf = ({ schema, name }: { readonly schema: string; readonly name: string }) =>
    record.tables.find((table) => table.schema === schema && table.name === name)?.columns;
  const tables = tablesOfRecord(record, folder).map((table) => ({
    ...table,
    columns: columnsOf(table),
    schema: table.parquet.builtSchema ?? table.schema,
    files: table.files.map((file) => {
      const inRelease = relative(folder, file).split(sep).join("/");
      return join(folder, ...placeOf(inRelease).split("/"));
    }),
  }));
  if (tables.length === 0) return;
  await store.engine.changeViews(path, {
    drop: [],
    show: tables.map((table) => ({ ...sourceOf(table), columns: table.columns })),
  });
  const places = tables.flatMap(({ schema, name, parquet }): TablePlace[] =>
    parquet.builtAt === undefined ? [] : [{ schema, name, path: parquet.builtAt, hidesRow: false }],
  );
  await keepKnownTables(store, folder, { places, shown: tables.map(({ schema, name }) => ({ schema, name })) });
}
