import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const folder = fileURLToPath(new URL("../../.proof/", import.meta.url));

/** The chapters of docs/proof.md, in its order. */
export type ProofArea =
  | "crashes"
  | "interleavings"
  | "faults"
  | "kills"
  | "power-cuts"
  | "mutants"
  | "locks"
  | "signals"
  | "platforms"
  | "manifests"
  | "slots"
  | "command-line"
  | "containers"
  | "soak";

/** One line of docs/proof.md: what was done, what was done to it, and what came of it. */
export interface ProofRow {
  /** For example `publish`. */
  readonly operation: string;
  /** For example `power cut at any step`. */
  readonly fault: string;
  /** For example `the old release or the new one, whole`. The same words in every run. */
  readonly outcome: string;
  /** How often it was tried. */
  readonly count: number;
  /** Why it was not tried here. Counts as shown nowhere. */
  readonly skipped?: string;
}

/**
 * Collects what the tests of one file prove, for docs/proof.md. Call it at the top of a file; `part` tells files of one area apart. Rows are written when
 * every test of the file is through, into `.proof/<area>.<part>.json`, unless other sources than ours are tested; a row is added only after its assertions have passed. A skipped row is
 * also printed.
 */
export function proofLedger(area: ProofArea, part: string): { add(row: ProofRow): void } {
  const rows: ProofRow[] = [];
  afterAll(() => {
    // Of a broken variant nothing is proven, nor of a part of the tests that must catch it.
    if (process.env["LOCKKEEPER_DIST"] !== undefined) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${area}.${part}.json`), `${JSON.stringify({ area, part, rows }, undefined, 1)}\n`);
  });
  return {
    add(row) {
      if (row.skipped !== undefined) process.stdout.write(`skipped: ${row.operation}, ${row.fault}: ${row.skipped}\n`);
      rows.push(row);
    },
  };
}
