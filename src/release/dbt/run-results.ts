import { join } from "node:path";
import type { CheckResult } from "../../model/check.ts";
import { dbtRunResultsSchema, type DbtRunResult } from "../../model/dbt/files.ts";
import { isOfBuild, mergeResults } from "../../model/dbt/results.ts";
import { replaceFile } from "../../platform/files.ts";
import type { FileStat } from "../../platform/port.ts";
import type { ReleaseStore } from "../store.ts";
import { dbtTarget, readJsonFile } from "./files.ts";

const pollMs = 250;

/** What dbt says while a build runs. */
export interface FollowedResults {
  /** Looks once more and no longer: what dbt said of each node that it ran, the last word of each; `undefined` where no command of dbt that builds has said anything. */
  stop(): Promise<readonly DbtRunResult[] | undefined>;
}

/**
 * Follows dbt's `run_results.json` in a build's folder. Each command of dbt writes it anew, also one that builds nothing, so it is read while they run; what the last one that built had written is
 * put back at the end (FACTS 2.15). A file that cannot be read is looked at again, and at the end passed over: dbt was stopped while it wrote.
 */
export function followRunResults(store: ReleaseStore, folder: string): FollowedResults {
  const path = join(folder, dbtTarget, "run_results.json");
  const following = new Following(store, path);
  const stop = store.platform.clock.every(pollMs, () => following.look());
  return {
    async stop() {
      stop();
      following.look();
      await following.putBack();
      return following.results;
    },
  };
}

/** What dbt has said by now of a build that nobody has followed. */
export async function readRunResults(store: ReleaseStore, folder: string): Promise<readonly DbtRunResult[] | undefined> {
  return followRunResults(store, folder).stop();
}

/**
 * The check that a dbt without results came to its end. One that was killed leaves none, but whole files of the models that it had built by then, and what runs it may hide that by exit 0 (FACTS 2.15).
 * `undefined` where nothing says that it had begun to build.
 */
export function unendedCheck({ platform }: ReleaseStore, folder: string): CheckResult | undefined {
  const kindOf = (name: string) => platform.files.statNow(join(folder, dbtTarget, name))?.kind;
  // The statements that dbt has run lie there; commands that build nothing make no such folder.
  if (kindOf("manifest.json") !== "file" || kindOf("run") !== "folder") return undefined;
  return {
    name: "dbt_results",
    check: "dbt_results",
    severity: "error",
    status: "fail",
    observed: "a build that began, and no results of it",
    expected: "models built, and none failed",
    message: `dbt began to build and left no ${dbtTarget}/run_results.json that can be read: it was ended before it was done, whatever the exit code of what ran it says`,
  };
}

class Following {
  results: readonly DbtRunResult[] | undefined;
  readonly #store: ReleaseStore;
  readonly #path: string;
  #seen = "";
  #kept: Buffer | undefined;
  #isKept = true;

  constructor(store: ReleaseStore, path: string) {
    this.#store = store;
    this.#path = path;
  }

  look(): void {
    const stat = this.#store.platform.files.statNow(this.#path);
    if (stat?.kind !== "file" || keyOf(stat) === this.#seen) return;
    const { value, bytes } = readJsonFile(this.#store, this.#path, dbtRunResultsSchema);
    if (value === undefined) return;
    this.#seen = keyOf(stat);
    this.#isKept = isOfBuild(value);
    if (!this.#isKept) return;
    this.results = mergeResults(this.results ?? [], value.results);
    this.#kept = bytes;
  }

  async putBack(): Promise<void> {
    if (this.#isKept || this.#kept === undefined) return;
    await replaceFile(this.#store.platform, { path: this.#path, bytes: this.#kept, failpoint: "dbt.results" });
  }
}

function keyOf({ inode, bytes, modifiedNs, changedNs }: FileStat): string {
  return [inode, bytes, modifiedNs, changedNs].join(" ");
}
