import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { refuses } from "../../model/check.ts";
import type { PublishResult } from "../../model/results.ts";
import type { HeldLock } from "../../platform/lock.ts";
import { activeBaseline } from "../checks/baseline.ts";
import { runChecks, type Checked } from "../checks/run-checks.ts";
import { installAndSwitch } from "../install.ts";
import type { OperationOptions, PublishOptions, PublishPhase, ReleaseStore } from "../store.ts";
import { namedError } from "../system-errors.ts";
import type { BuildBase } from "./base.ts";
import type { BuildFolder } from "./folder.ts";
import { reportRefusal, reportUnswitched } from "./report.ts";
import type { BuildOutcome } from "./run.ts";
import { seal } from "./seal.ts";

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
  const sealed = await seal(store, folder.path, options.signal);
  try {
    throwIfInterrupted(options.signal, "the build");
    tellPhase(options, "check");
    const { checks, ...checked } = await checkBuild(store, built);
    throwIfInterrupted(options.signal, "the build");
    const tables = tableCounts(checked.tables);
    if (refuses(checks)) {
      await sealed.release();
      const quarantine = await reportRefusal({ store, folder, options }, { checks, output: outcome.output });
      return { store: store.name, outcome: "refused", build: folder.id, checks, tables, ...(quarantine && { quarantine }) };
    }
    try {
      const { builder, watermarks } = outcome;
      const { base: parent, lock } = built;
      const build = { id: folder.id, sealed, checked: { ...checked, checks }, builder, watermarks, parent, lock };
      const installed = await installAndSwitch(store, build, options);
      tellPhase(options, "done");
      return { store: store.name, outcome: "switched", build: folder.id, checks, tables, ...installed };
    } catch (thrown) {
      const error = namedError(store, thrown);
      await sealed.release();
      if (!built.stays) await reportUnswitched({ store, folder, options }, { error, checks, output: outcome.output });
      throw error;
    }
  } finally {
    await sealed.release();
  }
}

/** Our checks on the build, and after them those that it reported itself. */
async function checkBuild(store: ReleaseStore, { folder, outcome, options }: BuiltRelease): Promise<Checked> {
  const { path, basename } = folder;
  const baseline = () => activeBaseline(store);
  const checked = await runChecks(store, { path, basename, baseline, buildFolder: folder.folder, signal: options.signal });
  return { ...checked, checks: [...checked.checks, ...outcome.checks] };
}

/** Tables as a publish result has them. */
export function tableCounts(tables: Checked["tables"]): PublishResult["tables"] {
  return tables.map(({ schema, name, rows }) => ({ schema, name, ...(rows !== undefined && { rows }) }));
}

/** Tells that a step of a publish begins. */
export function tellPhase(options: OperationOptions, phase: PublishPhase, detail?: string): void {
  options.onProgress?.({ kind: "phase", phase, ...(detail !== undefined && { detail }) });
}
