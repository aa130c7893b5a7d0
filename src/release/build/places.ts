import { join } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { builtPath, isDatabaseOnly, isFileOf, type Artifact } from "../../model/artifact.ts";
import type { DbtManifest } from "../../model/dbt/files.ts";
import { placesOfModels } from "../../model/dbt/places.ts";
import { mayHoldParquet } from "../../model/parquet-folder.ts";
import { pathIndex } from "../../model/path-index.ts";
import { mergePlaces, parseKnownTables, placeOfView, type KnownTables, type TablePlace } from "../../model/table-place.ts";
import { removeTree, replaceFile } from "../../platform/files.ts";
import { listTree } from "../../platform/tree.ts";
import type { FileView } from "../engine.ts";
import type { ReleaseStore } from "../store.ts";
import type { BuildFolder } from "./folder.ts";

/** What is known of the tables' places in a build's folder; hidden, so that it is no part of what was built. */
const placesName = ".tables.json";

/** A larger one is none of ours. Bytes. */
const placesBytesMax = 64 * 1024 * 1024;

/** What a build says of where its tables lie. */
export interface SaidPlaces {
  readonly places: readonly TablePlace[];
  /** The views of its DuckDB file. */
  readonly views: readonly FileView[];
  /** Those among them that it began with, as `KnownTables` says. */
  readonly shown: KnownTables["shown"];
}

/**
 * Finds where a build's tables lie: by the views of its DuckDB file, which need not be part of the release, by what was known before, and by dbt's manifest. It is kept in the build's folder, for
 * sealing takes the views away. Files of tables that lie elsewhere now are removed. Throws `BUILD_UNFINISHED` where something still writes the DuckDB file.
 */
export async function findPlaces(
  store: ReleaseStore,
  build: BuildFolder,
  manifest: DbtManifest | undefined,
): Promise<SaidPlaces> {
  const { files } = store.platform;
  const isPlain = isDatabaseOnly(store.artifacts);
  if (isPlain && manifest === undefined) return { places: [], views: [], shown: [] };
  const views = await viewsOf(store, build);
  if (isPlain) return { places: [], views, shown: [] };
  const folders = [build.folder, (await files.resolve(build.folder)) ?? build.folder];
  // A view of all that lies in an artifact's folder shows every table of it, and is none.
  const isWithin = ({ path }: TablePlace) =>
    !store.artifacts.some((artifact) => artifact.kind !== "duckdb" && isFileOf({ path }, artifact.path));
  const now = views.flatMap((view) => placeOfView(view, folders) ?? []).filter(isWithin);
  const { places: before, shown } = knownTables(store, build.folder);
  const { places, left } = mergePlaces(before, now);
  for (const { path } of left) await removeTree(store.platform, join(build.folder, ...path.split("/")));
  const all = manifest === undefined ? places : [...places, ...(await unnamed(store, build, { places, manifest }))];
  if (JSON.stringify(all) !== JSON.stringify(before)) await keepKnownTables(store, build.folder, { places: all, shown });
  return { places: all, views, shown };
}

/** Keeps what is known of a build's tables, durably. */
export async function keepKnownTables(store: ReleaseStore, folder: string, known: KnownTables): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(known));
  await replaceFile(store.platform, { path: join(folder, placesName), bytes, failpoint: "places" });
}

/** Where a file of a release, or of one in the making, is to lie in the folder of its build; both paths with `/`. */
export function builtPlace(store: ReleaseStore, folder: string): (path: string) => string {
  const places = knownTables(store, folder).places.map((place) => {
    const schema = schemaAt(store.artifacts, place) ?? place.schema;
    const target = `${schema}/${place.name}`;
    return [
      { path: `${target}.parquet`, builtAt: place.path },
      { path: target, builtAt: place.path },
    ];
  });
  const placeAt = pathIndex(places.flat(), ({ path }) => path);
  return (path) => {
    const place = placeAt(path);
    return place === undefined ? path : builtPath(place, path);
  };
}

function schemaAt(artifacts: readonly Artifact[], { path }: TablePlace): string | undefined {
  const parquet = artifacts.filter((artifact) => artifact.kind === "parquet");
  const own = parquet.find((artifact) => isFileOf(artifact, path)) ?? parquet.find((artifact) => artifact.path === ".");
  return own?.schema;
}

function knownTables({ platform }: ReleaseStore, folder: string): KnownTables {
  const text = platform.files.readNow(join(folder, placesName), placesBytesMax)?.bytes?.toString("utf8");
  return parseKnownTables(text ?? "");
}

/** A file that this engine cannot read has no views that it could tell; whoever needs the file itself says so. */
async function viewsOf(store: ReleaseStore, { path }: BuildFolder): Promise<readonly FileView[]> {
  if ((await store.platform.files.stat(path))?.kind !== "file") return [];
  try {
    return await store.engine.views(path);
  } catch (error) {
    if (isLockkeeperError(error, "FILE_LOCKED")) {
      throw new LockkeeperError("BUILD_UNFINISHED", `something still writes to ${path}`, {
        hint: "Close every connection and instance before the build ends, and wait for background processes.",
        subject: path,
        cause: error,
      });
    }
    if (!isLockkeeperError(error, "DATABASE_CORRUPT", "STORAGE_UNSUPPORTED", "QUERY_FAILED", "FILE_MISSING")) throw error;
    return [];
  }
}

async function unnamed(
  store: ReleaseStore,
  { folder }: BuildFolder,
  { places, manifest }: { readonly places: readonly TablePlace[]; readonly manifest: DbtManifest },
): Promise<TablePlace[]> {
  const entries = await listTree(store.platform, folder, mayHoldParquet);
  const names = entries.map(({ path }) => path).filter((path) => path.endsWith(".parquet"));
  const known = new Set(places.map(({ schema, name }) => `${schema}.${name}`.toLowerCase()));
  const placeAt = pathIndex(places, ({ path }) => path);
  const free = names.filter((path) => placeAt(path) === undefined);
  return placesOfModels(manifest, free).filter(({ schema, name }) => !known.has(`${schema}.${name}`.toLowerCase()));
}
