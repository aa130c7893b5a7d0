import { readdirSync, readlinkSync } from "node:fs";

/** Database files of a folder that this process has open, by name; `undefined` where the platform does not tell. */
export function openDatabases(folder: string): string[] | undefined {
  if (process.platform !== "linux") return undefined;
  const targets = readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
  const names = targets.filter((target) => target.startsWith(folder) && /\.(duckdb|pin)$/.test(target));
  return names.map((target) => target.slice(folder.length + 1)).toSorted();
}
