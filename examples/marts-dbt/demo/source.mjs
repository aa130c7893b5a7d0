// @ts-check
import { fileURLToPath } from "node:url";

/**
 * A file of the app's database.
 *
 * @param {"schema" | "seed" | "advance"} name
 */
export function sqlFile(name) {
  return fileURLToPath(new URL(`../postgres/${name}.sql`, import.meta.url));
}

/** The last day that is over, in UTC. */
export function yesterday() {
  return new Date(Date.now() - 86_400_000).toISOString().slice(0, "2026-10-31".length);
}
