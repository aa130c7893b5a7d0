import { firstLine, isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { fail, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import type { Machine } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";
import { namedError } from "../system-errors.ts";

/** What a store is looked at with. */
export interface DoctorTools {
  readonly machine: Machine;
  /** Whether the store's readers may read over a network. */
  readonly networkAllowed: boolean;
  /** Files in the store's folder that are somebody's, such as its fallback. Absolute paths. */
  readonly expected: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** One check of a store: what cannot be looked at is told as failed, with the reason. Throws `INTERRUPTED` alone. */
export async function looking(store: ReleaseStore, name: string, look: () => Promise<Verdict> | Verdict): Promise<DoctorCheck> {
  return { name, store: store.name, ...(await verdictOf(look, (error) => namedError(store, error))) };
}

/** What `look` came to, or what kept it from coming to anything. Throws `INTERRUPTED` alone. */
export async function verdictOf(
  look: () => Promise<Verdict> | Verdict,
  named: (error: unknown) => unknown = (error) => error,
): Promise<Verdict> {
  try {
    return await look();
  } catch (thrown) {
    const error = named(thrown);
    if (isLockkeeperError(error, "INTERRUPTED")) throw error;
    if (!isLockkeeperError(error)) return fail(`could not be looked at: ${firstLine(error)}`, "Please report this as a bug.");
    return fail(
      error.message,
      error.hint ?? `\`lockkeeper\` has no advice for ${error.code}; docs/errors.md says when it comes.`,
    );
  }
}
