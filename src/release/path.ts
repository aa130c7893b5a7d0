import { join } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { isDatabaseOnly, isFileOf } from "../model/artifact.ts";
import { layoutOfActive } from "../model/layout.ts";
import { releaseOf } from "../model/manifest.ts";
import { artifactsOf, databaseFile, type ReleaseRecord, type ReleaseTable } from "../model/release-record.ts";
import type { PathResult } from "../model/results.ts";
import { basenameOf } from "./basename.ts";
import { activeOf } from "./check.ts";
import { findTable } from "./checks/context.ts";
import { recordOf } from "./records.ts";
import { layoutOf, readState } from "./state.ts";
import { namingErrors } from "./system-errors.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * Where the active release's files lie, or those that hold `table`: a name in schema `main`, `schema.name`, or a name that only one schema has. Open them read-only and not for long: a slot is replaced two
 * publishes later. Throws `NO_RELEASE`, `TABLE_UNKNOWN`.
 */
export async function releasePath(store: ReleaseStore, table?: string): Promise<PathResult> {
  const current = activeOf(store, await namingErrors(store, () => readState(store)));
  const { own, active, version } = current.manifest;
  const named = { store: store.name, release: releaseOf(current.manifest), version };
  // A slot's file is found without its record: whoever must get at the data can, be the record damaged.
  const record = own && (table !== undefined || layoutOfActive(active) === "releases") ? recordOf(store, own).record : undefined;
  if (record && !isDatabaseOnly(artifactsOf(record))) {
    const found = table === undefined ? undefined : tableOf(record, table);
    const paths = found === undefined ? record.files.map(({ path }) => path) : filesOf(record, found);
    return { ...named, files: paths.map((path) => join(store.paths.folder, ...path.split("/"))) };
  }
  if (table !== undefined && record) tableOf(record, table);
  const basename = own?.basename ?? (await basenameOf(store, current));
  return { ...named, files: [layoutOf(store).dataFile(store, active, basename)] };
}

function tableOf({ release, tables }: ReleaseRecord, wanted: string): ReleaseTable {
  const anywhere = tables.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  const found = findTable(tables, wanted) ?? (anywhere.length === 1 ? anywhere[0] : undefined);
  if (found) return found;
  const there = tables.map((known) => (known.schema === "main" ? known.name : `${known.schema}.${known.name}`));
  throw new LockkeeperError("TABLE_UNKNOWN", `${release} has no table ${wanted}`, {
    hint: there.length > 0 ? `It has ${there.slice(0, 20).join(", ")}.` : "It has no table.",
    subject: wanted,
  });
}

function filesOf(record: ReleaseRecord, { parquet }: ReleaseTable): string[] {
  if (parquet === undefined) return [databaseFile(record)?.path ?? []].flat();
  const prefix = `releases/${record.release}/`;
  return record.files.map(({ path }) => path).filter((path) => isFileOf(parquet, path.slice(prefix.length)));
}
