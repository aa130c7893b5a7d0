import type { DoctorCheck } from "../../model/doctor/check.ts";
import type { ReleaseStore } from "../store.ts";
import { fileChecks } from "./files.ts";
import { folderChecks } from "./folder.ts";
import type { DoctorTools } from "./looking.ts";
import { probeChecks } from "./probe.ts";
import { lookAtState, stateChecks } from "./state.ts";

/**
 * A store's folder, looked at for what keeps publishers and readers from working there. Takes no lock of the store and changes nothing but a private file in
 * `.lockkeeper/`, which is removed again. A broken store fails its checks; throws `INTERRUPTED` alone.
 */
export async function storeDoctor(store: ReleaseStore, tools: DoctorTools): Promise<DoctorCheck[]> {
  const seen = await lookAtState(store);
  return [
    ...(await folderChecks(store, tools)),
    ...(await stateChecks(store, seen)),
    // Before the probe, whose file nobody should take for a stray.
    ...(await fileChecks(store, seen, tools)),
    ...(await probeChecks(store, tools)),
  ];
}
