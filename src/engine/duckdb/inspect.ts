import type { ReleaseTable } from "../../model/release-record.ts";
import type { QueryRows } from "../../model/query.ts";
import type { Platform } from "../../platform/port.ts";
import { readCatalogue, type BrokenView } from "./catalogue.ts";
import { openForReading } from "./open.ts";
import { Spare } from "./spare.ts";
import { storageVersionOf, storageVersionSql } from "./storage-version.ts";

/** A file opened the way a reader would, with what lies in it. */
export interface DuckdbInspection {
  /** For example `v1.5.0`. */
  readonly storageVersion: string;
  readonly tables: readonly ReleaseTable[];
  readonly brokenViews: readonly BrokenView[];
  query(sql: string): Promise<QueryRows>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** Opens a file read-only under its constant name and reads its catalogue. Throws what opening throws. */
export async function inspect(platform: Platform, path: string, name: string): Promise<DuckdbInspection> {
  const database = await openForReading(platform, new Spare(), {
    path,
    names: [name],
    concurrency: 1,
    settings: {},
  });
  try {
    const { rows } = await database.query(storageVersionSql, [name], {});
    return {
      storageVersion: storageVersionOf(rows[0]?.[0]),
      ...(await readCatalogue(database, name)),
      query: (sql) => database.query(sql, undefined, {}),
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
