import { join } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { buildIdPattern } from "../../model/names.ts";
import { readRecords } from "../records.ts";
import type { ReleaseStore } from "../store.ts";

/** The error for a build that is in none of these stores; says what became of it, where that can be told. */
export async function buildUnknown(stores: readonly ReleaseStore[], id: string): Promise<LockkeeperError> {
  for (const store of stores) {
    const fate = buildIdPattern.test(id) ? await fateOf(store, id) : undefined;
    if (fate) return new LockkeeperError("BUILD_UNKNOWN", fate.message, { hint: fate.hint, subject: id });
  }
  const names = stores.map(({ name }) => name).join(", ");
  return new LockkeeperError("BUILD_UNKNOWN", `there is no detached build ${id} in ${names === "" ? "any store" : names}`, {
    hint: "It was aborted, or never begun here. `lockkeeper build list` shows those there are.",
    subject: id,
  });
}

async function fateOf(store: ReleaseStore, id: string): Promise<{ readonly message: string; readonly hint: string } | undefined> {
  const { files } = store.platform;
  if ((await files.stat(store.paths.build(id))) !== undefined && (await files.stat(store.paths.lease(id))) === undefined) {
    return {
      message: `build ${id} of ${store.name} belongs to a \`publish\`, not to a \`build begin\``,
      hint: "The publish commits or discards it by itself.",
    };
  }
  const quarantined = join(store.paths.quarantine, id);
  if ((await files.stat(quarantined)) !== undefined) {
    return {
      message: `build ${id} of ${store.name} lies in quarantine: ${outcomeIn(store, quarantined)}`,
      hint: `Its report is ${join(quarantined, "report.json")}. Begin another build.`,
    };
  }
  const published = (await readRecords(store)).findLast(({ record }) => record.build === id)?.record;
  return (
    published && {
      message: `build ${id} of ${store.name} was committed already, as ${published.release}`,
      hint: `\`lockkeeper releases show ${store.name} ${published.release}\` tells what became of it.`,
    }
  );
}

function outcomeIn(store: ReleaseStore, folder: string): string {
  const bytes = store.platform.files.readNow(join(folder, "report.json"), reportBytesMax)?.bytes;
  try {
    const { outcome, detail } = JSON.parse(bytes?.toString("utf8") ?? "") as {
      readonly outcome?: unknown;
      readonly detail?: unknown;
    };
    return typeof detail === "string" ? detail : String(outcome);
  } catch {
    return "its report cannot be read";
  }
}

const reportBytesMax = 16 * 1024 * 1024;
