import { fileURLToPath } from "node:url";

/** What the child process that runs SQL files is given: a JSON document. */
export interface SqlJob {
  /** In the order in which they run. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

const worker = fileURLToPath(new URL("./sql-worker.js", import.meta.url));

/**
 * The command that runs the SQL files of a job on the database file in `LOCKKEEPER_BUILD_PATH`: one connection, statement by statement. It exits 0, or 1 with file, line,
 * reason and statement on the last line of its standard error.
 */
export function sqlCommand(jobPath: string): readonly string[] {
  return [process.execPath, worker, String(process.pid), jobPath];
}
