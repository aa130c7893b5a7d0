import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { isDatabaseOnly } from "../../model/artifact.ts";
import { refuses } from "../../model/check.ts";
import { missingTables } from "../../model/dbt/missing-tables.ts";
import { resultChecks } from "../../model/dbt/results.ts";
import type { PublishResult } from "../../model/results.ts";
import type { HeldLock } from "../../platform/lock.ts";
import { unstage } from "../artifacts/stage.ts";
import { activeBaseline } from "../checks/baseline.ts";
import { runChecks, type Checked } from "../checks/run-checks.ts";
import { readDbtFiles } from "../dbt/files.ts";
import { unendedCheck } from "../dbt/run-results.ts";
import { installAndSwitch } from "../install.ts";
import { layoutOf } from "../state.ts";
import type { OperationOptions, PublishOptions, PublishPhase, ReleaseStore } from "../store.ts";
import { namedError } from "../system-errors.ts";
import { warn } from "../warn.ts";
import type { BuildBase } from "./base.ts";
import type { BuildFolder } from "./folder.ts";
import { reportRefusal, reportUnswitched } from "./report.ts";
import type { BuildOutcome } from "./run.ts";
import type { QuarantinedContents } from "./quarantine.ts";
import { seal, type SealedBuild } from "./seal.ts";

/** A build whose data is written. */
export interface BuiltRelease {
  readonly folder: BuildFolder;
  readonly outcome: BuildOutcome;
  /** What was active when it began. */
  readonly base: BuildBase | undefined;
  /** Held since the build began, or since its commit did: of the build, or of its folder. */
  readonly lock: Pick<HeldLock, "verify">;
  /** A detached build that could not be switched to stays where it is: it may be committed again. */
  readonly stays: boolean;
  readonly options: PublishOptions;
}

/**
 * Seals and checks a build and switches to it: how every publish and every commit ends. Resolves with `refused` where a check failed; the build is in quarantine then.
 */
export async function finishBuild(store: ReleaseStore, built: BuiltRelease): Promise<PublishResult> {
  const { folder, outcome, options } = built;
  tellPhase(options, "seal");
  const isRefused = outcome.refused || (outcome.results !== undefined && refuses(resultChecks(outcome.results, undefined)));
  const sealed = isRefused ? await sealIfWhole(store, built) : await seal(store, folder, options.signal);
  if (sealed === undefined) return refuseUnsealed(store, built);
  try {
    throwIfInterrupted(options.signal, "the build");
    tellPhase(options, "check");
    const { checks, ...checked } = await checkBuild(store, built, sealed);
    throwIfInterrupted(options.signal, "the build");
    const tables = tableCounts(checked.tables);
    const datasets = sealed.dbt?.datasets;
    if (refuses(checks)) {
      await sealed.release();
      const contents = contentsOf(store, { folder, sealed, tables: checked.tables });
      const quarantine = await reportRefusal({ store, folder, options }, { checks, output: outcome.output, contents, datasets });
      return { store: store.name, outcome: "refused", build: folder.id, checks, tables, ...(quarantine && { quarantine }) };
    }
    try {
      const { builder, watermarks } = outcome;
      const { base: parent, lock } = built;
      await layoutOf(store).stage(store, sealed);
      const build = { id: folder.id, sealed, checked: { ...checked, checks }, builder, watermarks, parent, lock };
      const installed = await installAndSwitch(store, build, options);
      tellPhase(options, "done");
      return { store: store.name, outcome: "switched", build: folder.id, checks, tables, ...installed };
    } catch (thrown) {
      const error = namedError(store, thrown);
      await sealed.release();
      // What an install has moved is not given back: the release may even be active.
      await unstage(store, folder.folder).catch((failure: unknown) =>
        warn(options, `build ${folder.id} could not be taken back`, failure),
      );
      const contents = contentsOf(store, { folder, sealed, tables: checked.tables });
      if (!built.stays)
        await reportUnswitched({ store, folder, options }, { error, checks, output: outcome.output, contents, datasets });
      throw error;
    }
  } finally {
    await sealed.release();
  }
}

/** A build that dbt refused may lack what comes after the failed test: `undefined` where it cannot be sealed. */
async function sealIfWhole(store: ReleaseStore, { folder, options }: BuiltRelease): Promise<SealedBuild | undefined> {
  try {
    return await seal(store, folder, options.signal);
  } catch (error) {
    if (isLockkeeperError(error, "BUILD_EMPTY", "BUILD_UNFINISHED", "DATABASE_CORRUPT", "STORAGE_UNSUPPORTED")) return undefined;
    throw error;
  }
}

/** Nothing of ours can be checked; what dbt and the build say is all there is. */
async function refuseUnsealed(store: ReleaseStore, { folder, outcome, options }: BuiltRelease): Promise<PublishResult> {
  const { manifest } = readDbtFiles(store, folder.folder);
  const checks = [...resultChecks(outcome.results ?? [], manifest), ...outcome.checks];
  const quarantine = await reportRefusal({ store, folder, options }, { checks, output: outcome.output });
  return { store: store.name, outcome: "refused", build: folder.id, checks, tables: [], ...(quarantine && { quarantine }) };
}

/** Our checks on the build, and after them those that it reported itself. */
async function checkBuild(
  store: ReleaseStore,
  { folder, outcome, options }: BuiltRelease,
  { built, dbt, changes }: SealedBuild,
): Promise<Checked> {
  const { path, basename, hasDatabase } = folder;
  const checked = await runChecks(store, {
    path: hasDatabase ? path : undefined,
    basename,
    built,
    baseline: () => activeBaseline(store),
    buildFolder: folder.folder,
    signal: options.signal,
  });
  const tables = checked.tables.map(({ schema, name, parquet }) => ({ schema, name, builtSchema: parquet?.builtSchema }));
  const said = outcome.results ? resultChecks(outcome.results, dbt?.manifest, tables) : [unendedCheck(store, folder.folder)];
  const missing =
    outcome.results && dbt?.manifest && tables.length > 0 ? missingTables(outcome.results, dbt.manifest, tables) : undefined;
  const results = [...said, missing].filter((check) => check !== undefined);
  return { ...checked, checks: [...checked.checks, ...changes, ...(dbt?.checks ?? []), ...results, ...outcome.checks] };
}

/** What a build that did not become a release holds, for whoever opens it in quarantine; a DuckDB file alone needs no list. */
function contentsOf(
  store: ReleaseStore,
  { folder, sealed, tables }: { readonly folder: BuildFolder; readonly sealed: SealedBuild; readonly tables: Checked["tables"] },
): QuarantinedContents | undefined {
  if (isDatabaseOnly(store.artifacts)) return undefined;
  const files = sealed.files.map(({ source, bytes, sha256 }) => ({ path: source, bytes, sha256 }));
  const unmoved = tables.map(({ parquet, ...table }) =>
    parquet === undefined ? table : { ...table, parquet: { ...parquet, path: parquet.builtAt ?? parquet.path } },
  );
  return { basename: folder.basename, artifacts: store.artifacts, files, tables: unmoved };
}

/** Tables as a publish result has them. */
export function tableCounts(tables: Checked["tables"]): PublishResult["tables"] {
  return tables.map(({ schema, name, rows }) => ({ schema, name, ...(rows !== undefined && { rows }) }));
}

/** Tells that a step of a publish begins. */
export function tellPhase(options: OperationOptions, phase: PublishPhase, detail?: string): void {
  options.onProgress?.({ kind: "phase", phase, ...(detail !== undefined && { detail }) });
}
