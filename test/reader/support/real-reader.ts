import { setTimeout as wait } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { ReaderOptions } from "../../../src/reader/options.ts";
import type { Reader, ReaderRows } from "../../../src/reader/reader.ts";
import { openReader } from "../../../src/workspace/open-reader.ts";
import { foreignRows } from "./foreign-writer.ts";

/** A reader on the real platform and engine, closed when the test has finished. */
export async function readerOn(dir: string, options: Partial<ReaderOptions> = {}): Promise<Reader> {
  const reader = await openReader({ dir, ...options });
  onTestFinished(() => reader.close());
  return reader;
}

/** Resolves when `condition` holds; how long that takes decides nothing. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(1);
}

/** What a query on a foreign writer's table must show: one value in all rows. */
export const wholeSql = "SELECT min(value)::INT AS low, max(value)::INT AS high, count(*)::INT AS rows FROM t";

/** The one value of a whole answer; throws when it is mixed or cut. */
export function wholeValue({ rows }: ReaderRows): number {
  const [low, high, count] = rows[0] as [number, number, number];
  if (low !== high || count !== foreignRows) throw new Error(`mixed or cut: ${JSON.stringify(rows)}`);
  return low;
}

/**
 * Asks `clients` at a time until stopped. `values` are the answers in the order in which they came, `backwards` those of them that were older
 * than what the same client had before; failures are messages.
 */
export function startLoad(reader: Reader, clients: number) {
  const values: number[] = [];
  const backwards: string[] = [];
  const failures: string[] = [];
  const load = { running: true };
  const client = async (): Promise<void> => {
    let before = 0;
    while (load.running) {
      try {
        const value = wholeValue(await reader.query(wholeSql));
        if (value < before) backwards.push(`${value} after ${before}`);
        before = value;
        values.push(value);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  };
  const clientsDone = Promise.all(Array.from({ length: clients }, client));
  return {
    values,
    backwards,
    failures,
    async stop(): Promise<void> {
      load.running = false;
      await clientsDone;
    },
  };
}
