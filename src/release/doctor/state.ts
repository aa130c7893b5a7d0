import { firstLine } from "../../errors/lockkeeper-error.ts";
import { fail, pass, warn, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import { judgeClock, judgeSpace } from "../../model/doctor/store.ts";
import { baseOf } from "../build/base.ts";
import { clockToleranceMs } from "../freshness.ts";
import { slotToRemove } from "../space.ts";
import { currentRel, hasSwitched, readStateOrProblem, type StoreState } from "../state.ts";
import type { ReleaseStore } from "../store.ts";
import { nearestThere } from "./folder.ts";
import { looking } from "./looking.ts";

/** What a store's folder said when it was looked at. */
export interface SeenState {
  readonly state: StoreState;
  /** Why there is no manifest to go by, where there is one that cannot be used. */
  readonly problem: string | undefined;
  /** Absolute path of the active release's data file, as far as it can be told. */
  readonly active: string | undefined;
}

/** Reads manifest and history once, for all that follows. Never throws. */
export async function lookAtState(store: ReleaseStore): Promise<SeenState> {
  try {
    const { state, problem } = await readStateOrProblem(store);
    const base = await baseOf(store, state).catch(() => undefined);
    return { state, problem, active: base?.path };
  } catch (error) {
    return { state: { current: undefined, events: [] }, problem: firstLine(error), active: undefined };
  }
}

/** What the store's own files say: the manifest, the times in it and in the history, the size of what is active. */
export async function stateChecks(store: ReleaseStore, seen: SeenState): Promise<DoctorCheck[]> {
  const newest = newestTime(seen.state);
  return [
    await looking(store, "manifest", () => manifestVerdict(store, seen)),
    await looking(store, "clock", () =>
      judgeClock({ now: store.platform.clock.now().getTime(), newest, toleranceMs: clockToleranceMs }),
    ),
    await looking(store, "free_space", () => spaceVerdict(store, seen)),
  ];
}

function manifestVerdict(store: ReleaseStore, { state, problem }: SeenState): Verdict {
  if (problem !== undefined) return fail(problem, "`lockkeeper status` tells more; publishing again writes a new manifest.");
  const rel = currentRel(state.current);
  if (rel && state.current?.manifest.own) return pass(`${rel.release}, version ${rel.version}, is active`);
  const adopt = `\`lockkeeper adopt ${store.name}\` takes the store under care.`;
  if (rel) return warn(`${rel.release}, version ${rel.version}, is active; another program publishes here`, adopt);
  return hasSwitched(state)
    ? warn(`${store.paths.manifest} was deleted; readers are on their fallback`, adopt)
    : pass("no release yet");
}

/** The newest time that manifest or history speak of; a time that is none counts for nothing. */
function newestTime({ current, events }: StoreState): number | undefined {
  const times = [current?.manifest.lastUpdated, ...events.map(({ time }) => time)].flatMap((text) => {
    const time = Date.parse(text ?? "");
    return Number.isNaN(time) ? [] : [time];
  });
  return times.length === 0 ? undefined : times.reduce((newest, time) => Math.max(newest, time));
}

async function spaceVerdict(store: ReleaseStore, { state, active }: SeenState): Promise<Verdict> {
  const { platform, paths } = store;
  const free = await platform.disk.freeBytes(await nearestThere(platform, paths.own));
  const stat = active === undefined ? undefined : await platform.files.stat(active);
  const removed = await slotToRemove(store, state);
  return judgeSpace({ free, needed: stat?.bytes, freed: removed?.bytes });
}
