import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { releaseOf } from "../model/manifest.ts";
import type { PathResult } from "../model/results.ts";
import { basenameOf } from "./basename.ts";
import { activeOf } from "./check.ts";
import { findTable } from "./checks/context.ts";
import { recordOf } from "./records.ts";
import { layoutOf, readState } from "./state.ts";
import { namingErrors } from "./system-errors.ts";
import type { ReleaseStore } from "./store.ts";

/**
 * Where the active release's files lie, or those that hold `table`. Open them read-only and not for long: a slot is replaced two
 * publishes later. Throws `NO_RELEASE`, `TABLE_UNKNOWN`.
 */
export async function releasePath(store: ReleaseStore, table?: string): Promise<PathResult> {
  const current = activeOf(store, await namingErrors(store, () => readState(store)));
  const { own, active, version } = current.manifest;
  if (table !== undefined && own) {
    const { tables } = recordOf(store, own).record;
    if (!findTable(tables, table)) {
      const there = tables.map((known) => (known.schema === "main" ? known.name : `${known.schema}.${known.name}`));
      throw new LockkeeperError("TABLE_UNKNOWN", `${own.release} has no table ${table}`, {
        hint: there.length > 0 ? `It has ${there.slice(0, 20).join(", ")}.` : "It has no table.",
        subject: table,
      });
    }
  }
  const basename = own?.basename ?? (await basenameOf(store, current));
  const file = layoutOf(store).dataFile(store, active, basename);
  return { store: store.name, release: releaseOf(current.manifest), version, files: [file] };
}
