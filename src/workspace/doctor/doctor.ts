import { throwIfInterrupted } from "../../errors/interrupted.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { defaultConcurrency } from "../../engine/duckdb/engine.ts";
import { fail, pass, warn, type DoctorCheck, type Verdict } from "../../model/doctor/check.ts";
import { judgePool } from "../../model/doctor/machine.ts";
import { readerSettings, type ReaderOptions } from "../../reader/options.ts";
import { looking, verdictOf } from "../../release/doctor/looking.ts";
import { storeDoctor } from "../../release/doctor/store.ts";
import { openReleaseStore } from "../../release/open.ts";
import { configConcerns } from "../concerns.ts";
import { loadConfig, type ConfigLocation, type LoadedConfig } from "../config-file.ts";
import { readerOptions, releaseStoreOptions, type NamedStore } from "../store-options.ts";
import { machineTools, releaseTools } from "../wiring.ts";
import { machineChecks, type MachineTools } from "./machine.ts";

/** What stops a doctor. */
export interface DoctorOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at this machine and, where there is a `lockkeeper.toml`, at its stores' folders. A configuration that is missing or has faults is a check of its own; then only
 * the machine is looked at. Changes nothing but a private file in each store's `.lockkeeper/`, which is removed again. Throws `INTERRUPTED` alone.
 */
export async function doctor(location: ConfigLocation & DoctorOptions = {}): Promise<DoctorCheck[]> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadConfig(location);
  } catch (error) {
    const verdict = await verdictOf(() => withoutConfig(error, location));
    return [...(await machineChecks(machineTools())), { name: "configuration", ...verdict }];
  }
  return workspaceDoctor(loaded, location);
}

/** The same for a configuration that is at hand. */
export async function workspaceDoctor(
  loaded: LoadedConfig,
  { signal }: DoctorOptions,
  tools: MachineTools = machineTools(),
): Promise<DoctorCheck[]> {
  const checks = await machineChecks(tools);
  checks.push({ name: "configuration", ...(await verdictOf(() => configVerdict(loaded))) });
  for (const [name, settings] of Object.entries(loaded.config.stores)) {
    throwIfInterrupted(signal, "the doctor");
    checks.push(...(await configuredStoreChecks(loaded, { name, settings }, { ...tools, signal })));
  }
  throwIfInterrupted(signal, "the doctor");
  return checks;
}

async function configuredStoreChecks(
  loaded: LoadedConfig,
  named: NamedStore,
  { signal, ...tools }: MachineTools & DoctorOptions,
): Promise<DoctorCheck[]> {
  const store = openReleaseStore(releaseStoreOptions(loaded, named), releaseTools());
  const options = readerOptions(loaded, named);
  const found = await storeDoctor(store, {
    machine: tools.machine,
    networkAllowed: options.allowNetworkFs ?? false,
    expected: expectedFallbacks(options),
    signal,
  });
  const pool = await looking(store, "thread_pool", () =>
    judgePool({
      threads: tools.threads,
      isSet: Boolean(tools.environment["UV_THREADPOOL_SIZE"]),
      concurrency: readerSettings(options, defaultConcurrency(tools.environment)).concurrency,
    }),
  );
  return [...found, pool];
}

/** What lies where the configuration says is no stray file, be it inside the store. */
function expectedFallbacks({ fallback, fallbackParquet }: ReaderOptions): string[] {
  const dir = typeof fallbackParquet === "object" ? fallbackParquet.dir : fallbackParquet;
  return [fallback, dir].filter((path) => path !== undefined);
}

async function configVerdict(loaded: LoadedConfig): Promise<Verdict> {
  const concerns = await configConcerns(loaded);
  const error = concerns.find(({ severity }) => severity === "error");
  const concern = error ?? concerns[0];
  const others = concerns.length < 2 ? "" : ` (and ${concerns.length - 1} more)`;
  if (concern) return (error ? fail : warn)(`${concern.detail}${others}`, "`lockkeeper config validate` lists them all.");
  const names = Object.keys(loaded.config.stores);
  return pass(`${loaded.path}: ${names.length === 0 ? "no store yet" : names.join(", ")}`);
}

function withoutConfig(error: unknown, { config }: ConfigLocation): Verdict {
  const named = config !== undefined || Boolean(process.env["LOCKKEEPER_CONFIG"]);
  if (!isLockkeeperError(error)) throw error;
  const observed = `${error.message}; only the machine was looked at`;
  const remedy = error.hint ?? "`lockkeeper config validate` lists what is wrong with it.";
  // Whoever names no file may well have none here.
  return isLockkeeperError(error, "CONFIG_MISSING") && !named ? warn(observed, remedy) : fail(observed, remedy);
}
