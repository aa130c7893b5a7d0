import { setTimeout as pause } from "node:timers/promises";
import { findPostgres, type Cluster } from "../../examples/lib/postgres.mjs";
import { startProgram } from "../support/child.ts";

/** A table of the source that somebody else works on: whoever reads it waits, so that a build stands still in its middle, as long as a test wants. */
export interface HeldTable {
  /** Resolves once so many sessions wait for the table. */
  awaited(sessions?: number): Promise<void>;
  /** Lets them go on. */
  letGo(): Promise<void>;
}

/** Holds a table for the running test. */
export async function holdTable(cluster: Cluster, table: string): Promise<HeldTable> {
  const search = findPostgres();
  if ("why" in search) throw new Error(search.why);
  const holder = startProgram([search.programs.psql, "-X", "-q", "-At"], { env: cluster.env });
  const ask = async (sql: string, prefix: string) => {
    holder.send(sql);
    return holder.line(prefix);
  };
  await ask(`BEGIN; LOCK TABLE ${table}; SELECT 'held';`, "held");
  return {
    async awaited(sessions = 1) {
      const count = "SELECT 'waiting ' || count(*) FROM pg_locks WHERE NOT granted;";
      while (Number((await ask(count, "waiting ")).slice("waiting ".length)) < sessions) await pause(50);
    },
    async letGo() {
      holder.process.stdin?.end("COMMIT;\n");
      await holder.ended;
    },
  };
}
