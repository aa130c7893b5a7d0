import { readdirSync, readlinkSync } from "node:fs";

/** Database files and pins of a folder that this process has open, each once (a file attached under two names is open twice); `undefined` where the platform does not tell. */
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
  return [...new Set(names.map((target) => target.slice(folder.length + 1)))].toSorted();
}
