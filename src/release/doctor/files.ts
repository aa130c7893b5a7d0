import { basename as nameOf, dirname, join } from "node:path";
import { fail, pass, warn, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import { releaseNumber } from "../../model/names.ts";
import { isTemporary } from "../../platform/files.ts";
import { basenameOf } from "../basename.ts";
import type { StoreState } from "../state.ts";
import type { ReleaseStore } from "../store.ts";
import { looking, type DoctorTools } from "./looking.ts";
import type { SeenState } from "./state.ts";

/** Names of one finding; the rest is counted. */
const namesShown = 10;

/** What else lies in the store: logs that would be replayed into another file, and files that nobody knows. */
export async function fileChecks(store: ReleaseStore, seen: SeenState, tools: DoctorTools): Promise<DoctorCheck[]> {
  return [
    await looking(store, "leftover_logs", () => logVerdict(store, seen)),
    await looking(store, "stray_files", () => strayVerdict(store, seen, tools)),
  ];
}

/** FACTS 2.6: a log beside a database file is replayed into whatever lies there, by readers, too. */
async function logVerdict(store: ReleaseStore, { active }: SeenState): Promise<Verdict> {
  const folders = new Set([store.paths.folder, ...(active === undefined ? [] : [dirname(active)])]);
  const logs: string[] = [];
  for (const folder of folders) {
    const names = await store.platform.files.list(folder);
    logs.push(...names.filter((name) => name.endsWith(".duckdb.wal")).map((name) => join(folder, name)));
  }
  if (active !== undefined && logs.includes(`${active}.wal`)) {
    return fail(
      `${active}.wal lies beside the active release: a program writes there, or was killed at it, and readers replay what it left`,
      `End that program. If the log stays, move it out of the store and run \`lockkeeper check ${store.name}\`.`,
    );
  }
  if (logs.length === 0) return pass("no write-ahead log lies beside a data file");
  return warn(
    `${listed(logs)}: another program is inside, or was killed there`,
    "Nothing, for a store that Lockkeeper publishes to: the next publish moves it away. Else end that program.",
  );
}

async function strayVerdict(store: ReleaseStore, { state }: SeenState, { expected }: DoctorTools): Promise<Verdict> {
  const { files } = store.platform;
  const { paths } = store;
  const known = await knownNames(store, state, expected);
  const own = new Set(
    [paths.records, paths.pins, paths.builds, paths.quarantine, paths.trash, paths.history, paths.buildLock, paths.webhooks].map(
      (path) => nameOf(path),
    ),
  );
  const strays = [
    ...(await files.list(paths.folder)).filter((name) => !known.has(name)),
    ...(await files.list(paths.own)).filter((name) => !own.has(name)).map((name) => `${nameOf(paths.own)}/${name}`),
    ...(await files.list(paths.releases))
      .filter((name) => releaseNumber(name) === undefined)
      .map((name) => `${nameOf(paths.releases)}/${name}`),
  ];
  if (strays.length === 0) return pass("every file in the store is one that belongs there");
  return warn(
    listed(strays.map((stray) => `${stray}${whatIs(stray)}`)),
    "Nobody here uses them. Look at what they are, then move them out of the store's folder.",
  );
}

/** Names in the store's folder that are ours, the expected files', or the file system's own. */
async function knownNames(store: ReleaseStore, state: StoreState, expected: readonly string[]): Promise<ReadonlySet<string>> {
  const { paths } = store;
  const basename = await basenameOf(store, state.current);
  const slots = (["a", "b"] as const).map((slot) => paths.slot(basename, slot));
  const others = expected.filter((path) => dirname(path) === paths.folder);
  const data = [...slots, ...others].flatMap((path) => [path, `${path}.wal`]);
  const all = [paths.manifest, paths.writerLock, paths.own, paths.releases, ...data, "lost+found"];
  return new Set(all.map((path) => nameOf(path)));
}

function whatIs(path: string): string {
  const name = nameOf(path);
  if (isTemporary(name)) return " (of a process that is at work, or was killed)";
  return name.startsWith("tmp_") ? " (an unfinished file of DuckDB)" : "";
}

function listed(names: readonly string[]): string {
  const more = names.length > namesShown ? `, and ${names.length - namesShown} more` : "";
  return `${names.slice(0, namesShown).join(", ")}${more}`;
}
