import { firstLine } from "../../errors/lockkeeper-error.ts";
import { fail, pass, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import { judgeDescriptors, judgeMemory, judgeNode, judgeTimeZone } from "../../model/doctor/machine.ts";
import type { Machine } from "../../platform/port.ts";
import { userText } from "../../release/doctor/folder.ts";
import { verdictOf } from "../../release/doctor/looking.ts";

/** What a machine is looked at with. */
export interface MachineTools {
  readonly machine: Machine;
  /** Loads the engine and tells its version. */
  readonly engineVersion: () => Promise<string>;
  /** Threads of Node's pool. */
  readonly threads: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** This machine and this user, whatever the stores are. Never throws. */
export async function machineChecks({ machine, engineVersion, environment }: MachineTools): Promise<DoctorCheck[]> {
  const looks: Record<string, () => Promise<Verdict> | Verdict> = {
    node: () => judgeNode(machine.node.version, machine.node.range),
    duckdb: () => duckdbVerdict(machine, engineVersion),
    lock_addon: () => addonVerdict(machine),
    descriptors: async () => judgeDescriptors(await machine.descriptorsMax()),
    memory: () => judgeMemory({ availableBytes: machine.availableMemory(), processors: machine.processors }),
    time_zone: () => judgeTimeZone({ zone: machine.timeZone(), variable: environment["TZ"] }),
    user: () => userVerdict(machine),
  };
  const checks: DoctorCheck[] = [];
  for (const [name, look] of Object.entries(looks)) checks.push({ name, ...(await verdictOf(look)) });
  return checks;
}

async function duckdbVerdict(machine: Machine, engineVersion: () => Promise<string>): Promise<Verdict> {
  try {
    return pass(`DuckDB ${await engineVersion()} loads`);
  } catch (error) {
    return fail(
      `the DuckDB driver does not load on ${machine.system}: ${firstLine(error)}`,
      "Install the package anew on this machine, optional dependencies included: its binaries differ by system.",
    );
  }
}

function addonVerdict(machine: Machine): Verdict {
  const problem = machine.lockAddonProblem();
  if (problem === undefined) return pass(`the kernel lock addon loads on ${machine.system}`);
  const musl = machine.system.endsWith("musl") ? "; there is no build of it for musl" : "";
  return fail(`${problem.message} (${machine.system}${musl})`, problem.hint ?? "Install the package anew on this machine.");
}

function userVerdict(machine: Machine): Verdict {
  const { id, name } = machine.user();
  return pass(`${userText(id, name)}${id === 0 ? ", whom file modes do not hold back" : ""}`);
}
