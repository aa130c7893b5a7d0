import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Check, CheckResult } from "../../model/check.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { Inspection } from "../engine.ts";
import type { ReleaseStore } from "../store.ts";
import { sourceOf, type Built } from "../artifacts/built.ts";
import { planAccepted } from "./accepted.ts";
import { checkNames, lookAtFiles, recordedTables } from "./artifacts.ts";
import type { Baseline, CheckContext, Expectation, Measurement, Planned } from "./context.ts";
import { planFresh } from "./fresh.ts";
import { failedBy, isVerdict, measure } from "./measure.ts";
import { planNotNull } from "./not-null.ts";
import { checkLog, notOpenedResults, openedResults } from "./opening.ts";
import { planPhantomRows } from "./phantom-rows.ts";
import { planReferences } from "./references.ts";
import { checkRows } from "./rows.ts";
import { checkSchema } from "./schema.ts";
import { planSql } from "./sql.ts";
import { checkTables } from "./tables.ts";
import { planUnique } from "./unique.ts";
import { checkViewCatalogues, checkViewFiles, checkViews } from "./views.ts";

/** What the checks found, and what is in the release. */
export interface Checked {
  readonly checks: CheckResult[];
  readonly tables: readonly ReleaseTable[];
  readonly storageVersion: string;
}

/** A release's files to check. */
export interface CheckRequest {
  /** The DuckDB file; `undefined` for a release that has none. */
  readonly path: string | undefined;
  /** Its Parquet tables. */
  readonly built?: Built | undefined;
  /** The constant name that it is attached under. */
  readonly basename: string;
  /** What drift and schema are compared with; read when a check asks for it, once. */
  readonly baseline: () => Promise<Baseline>;
  /** The build's folder, where it is a build. */
  readonly buildFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const noTables: Built = { tables: [], files: [], problems: [] };

/**
 * Opens a release's files as a reader would, the DuckDB file attached under its constant name, and runs every check on them. A file that does not open is a
 * failed check, not an error: the build is refused and kept. Throws `INTERRUPTED`, `FILE_LOCKED`, and what the system says of a disk.
 */
export async function runChecks(store: ReleaseStore, request: CheckRequest): Promise<Checked> {
  const { path, basename, built = noTables } = request;
  const looked = await lookAtFiles(store, built, request.signal);
  if (looked.footers === undefined) return { checks: looked.results, tables: [], storageVersion: "unknown" };
  let inspection: Inspection;
  try {
    inspection = await store.engine.inspect(path, basename, built.tables.map(sourceOf));
  } catch (error) {
    if (!isLockkeeperError(error, "DATABASE_CORRUPT", "STORAGE_UNSUPPORTED")) throw error;
    return { checks: [...looked.results, ...notOpenedResults(error)], tables: [], storageVersion: "unknown" };
  }
  try {
    const { storageVersion } = inspection;
    const tables = recordedTables(inspection.tables, built, looked.footers);
    const context: CheckContext = {
      inspection: { ...inspection, tables },
      catalogue: basename,
      now: store.platform.clock.now(),
      baseline: once(request.baseline),
      signal: request.signal,
    };
    const always = await alwaysResults(store, context, request);
    const named = checkNames(tables, path === undefined ? undefined : basename);
    const configured = await configuredResults(store.checks, context);
    return { checks: [...looked.results, ...named, ...always, ...configured], tables, storageVersion };
  } finally {
    await inspection.close();
  }
}

async function alwaysResults(store: ReleaseStore, context: CheckContext, request: CheckRequest): Promise<CheckResult[]> {
  const phantomRows = planPhantomRows(
    store.checks.find((check) => check.check === "phantom_rows"),
    context,
  );
  const opened = request.path === undefined ? [] : await databaseResults(store, context, { ...request, path: request.path });
  return [...opened, await judged(phantomRows.expectation, () => phantomRows.run())];
}

/** What must hold of a DuckDB file, whatever is in it. */
async function databaseResults(
  store: ReleaseStore,
  { inspection }: CheckContext,
  { path, basename, buildFolder }: CheckRequest & { readonly path: string },
): Promise<CheckResult[]> {
  const { brokenViews, tables, unportableViews, storageVersion } = inspection;
  const { files } = store.platform;
  const folders = unportableViews.length > 0 && buildFolder !== undefined ? [buildFolder, await files.resolve(buildFolder)] : [];
  return [
    ...openedResults(basename, storageVersion),
    checkLog(path, await files.stat(`${path}.wal`)),
    checkViews({ brokenViews, tables }),
    checkViewCatalogues(unportableViews),
    checkViewFiles(
      unportableViews,
      folders.filter((folder) => folder !== undefined),
    ),
  ];
}

/** In the configuration's order; what can be asked with one scan of a table is. */
async function configuredResults(checks: readonly Check[], context: CheckContext): Promise<CheckResult[]> {
  const planned: Planned[] = [];
  for (const check of checks) planned.push(...(await plan(check, context)));
  const measured = await measure(context, planned.filter(isMeasurement));
  const results: CheckResult[] = [];
  for (const each of planned) {
    if ("status" in each) results.push(each);
    else if (isMeasurement(each))
      results.push(
        await judged(each.expectation, async () => {
          const values = measured.get(each) ?? [];
          if (isLockkeeperError(values)) throw values;
          return each.judge(values);
        }),
      );
    else results.push(await judged(each.expectation, () => each.run()));
  }
  return results;
}

function isMeasurement(planned: Planned): planned is Measurement {
  return "aggregates" in planned;
}

async function judged(expectation: Expectation, judge: () => Promise<CheckResult>): Promise<CheckResult> {
  try {
    return await judge();
  } catch (error) {
    if (isVerdict(error)) return failedBy(expectation, error);
    throw error;
  }
}

async function plan(check: Check, context: CheckContext): Promise<Planned[]> {
  switch (check.check) {
    case "tables":
      return [checkTables(check, context.inspection.tables)];
    case "rows":
      return checkRows(check, context);
    case "schema":
      return [await checkSchema(check, context)];
    case "unique":
      return [planUnique(check, context)];
    case "not_null":
      return [planNotNull(check, context)];
    case "accepted":
      return [planAccepted(check, context)];
    case "references":
      return [planReferences(check, context)];
    case "fresh":
      return [planFresh(check, context)];
    case "sql":
      return [planSql(check, context)];
    case "phantom_rows":
      // Runs always; what is configured is taken there.
      return [];
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
