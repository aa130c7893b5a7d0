import type { ReleaseTable } from "../../model/release-record.ts";
import type { QueryOptions, QueryRows } from "../../model/query.ts";
import type { Platform } from "../../platform/port.ts";
import { readCatalogue, type BrokenView } from "./catalogue.ts";
import { openForReading } from "./open.ts";
import { unportableViews, type UnportableView } from "./portable-views.ts";
import { Spare } from "./spare.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";
import { storageVersionOf, storageVersionSql } from "./storage-version.ts";

/** A file opened the way a reader would, with what lies in it. */
export interface DuckdbInspection {
  /** For example `v1.5.0`. */
  readonly storageVersion: string;
  readonly tables: readonly ReleaseTable[];
  readonly brokenViews: readonly BrokenView[];
  /** Views that bind here, but need the file's name or other files. */
  readonly unportableViews: readonly UnportableView[];
  query(sql: string, options?: QueryOptions): Promise<QueryRows>;
  identifier(name: string): string;
  literal(text: string): string;
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
    const { tables, brokenViews, views } = await readCatalogue(database, name);
    return {
      storageVersion: storageVersionOf(rows[0]?.[0]),
      tables,
      brokenViews,
      unportableViews: await unportableViews(platform, path, views),
      query: (sql, options = {}) => database.query(sql, undefined, options),
      identifier: quoteIdentifier,
      literal: quoteLiteral,
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
