import { rmSync } from "node:fs";
import { expect } from "vitest";
import { auditStore } from "./audit.ts";
import type { Seed } from "../seed.ts";
import type { Operation } from "./operations.ts";
import { kinds, type Counted, type Fault, type Kind } from "./shim.ts";

/** What an operation came to. */
export interface Answer {
  readonly outcome?: string;
  readonly version?: number;
  readonly checks?: readonly { readonly status: string; readonly message: string }[];
  readonly warnings: readonly string[];
  readonly error?: {
    readonly ours: boolean;
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly subject?: string;
    readonly stack?: string;
  };
}

/** The codes that an error of the system may come out as; a build that met it has failed, a file that could not be read does not open. */
const codes: Record<Fault["errno"], readonly string[]> = {
  EIO: ["IO_FAILED", "BUILD_FAILED"],
  ENOSPC: ["DISK_FULL", "BUILD_FAILED", "IO_FAILED"],
  EDQUOT: ["DISK_FULL", "BUILD_FAILED", "IO_FAILED"],
  EROFS: ["READ_ONLY", "BUILD_FAILED", "IO_FAILED"],
  EMFILE: ["LIMIT_FILES", "BUILD_FAILED", "IO_FAILED"],
  EACCES: ["PERMISSION_DENIED", "BUILD_FAILED", "IO_FAILED"],
  ENOLCK: ["IO_FAILED", "BUILD_FAILED", "FILE_LOCKED"],
  short: ["IO_FAILED", "BUILD_FAILED", "DATABASE_CORRUPT"],
  zero: ["DISK_FULL", "BUILD_FAILED"],
};

const confirmed = "is active, but the disk did not confirm it";

/** The operations, as operators call them; those that are faulted. */
export const words: Readonly<Record<string, string>> = {
  "first publish": "publish",
  publish: "publish",
  "publish of several files (layout releases)": "publish",
  "refused publish": "refused",
  "failed build": "failed",
  rollback: "rollback",
  adopt: "adopt",
  "init --from, new configuration": "initialize",
};

/** Runs operations with faults: in a process under the shim, or behind the platform port. */
export interface Operator {
  /** Runs an operation in a fresh folder. */
  run(
    operation: Operation,
    fault: Fault | undefined,
  ): Promise<{ readonly root: string; readonly folder: string; readonly answer: Answer; readonly counted: Counted }>;
  /** Runs an operation, by its word, without faults. */
  ask(folder: string, word: string): Promise<Answer>;
  close(): void;
}

/** Runs an operation with one fault, and audits what it says and what it leaves. False where the operation did not come that far. */
export async function tryFault(operator: Operator, operation: Operation, fault: Fault): Promise<boolean> {
  const { root, folder, answer, counted } = await operator.run(operation, fault);
  if (counted.fired === 0) return false;
  const what = `${operation.name}, ${fault.errno} at ${fault.kinds.join("/")} ${fault.nth}: ${JSON.stringify(answer)}`;
  expect(counted.syncedAgain, `after ${what}`).toBe(0);
  const { complaints, active } = await auditStore(folder, { acknowledged: operation.before });
  expect(complaints, `after ${what}`).toEqual([]);
  const { error } = answer;
  if (error) expectClear(error, fault, { folder, what });
  const out =
    operation.after > operation.before && (answer.outcome === "switched" || error?.message.includes(confirmed) === true);
  expect(active?.version ?? 0, `after ${what}`).toBe(out ? operation.after : operation.before);
  await expectNext(operator, { operation, folder, out, version: active?.version ?? 0, what });
  rmSync(root, { recursive: true });
  return true;
}

/** An error of ours, with the code that belongs to the fault, that names the path and has a hint. */
function expectClear(
  error: NonNullable<Answer["error"]>,
  fault: Fault,
  told: { readonly folder: string; readonly what: string },
): void {
  expect(error.ours, `${told.what}\n${error.stack}`).toBe(true);
  expect(codes[fault.errno], `after ${told.what}`).toContain(error.code);
  expect(error.hint, `after ${told.what}`).toBeTruthy();
  expect(error.message, `after ${told.what}`).not.toContain("\n");
  // What a build met is told in its own words.
  if (error.code === "BUILD_FAILED") return;
  expect(`${error.message} ${error.subject ?? ""}`, `after ${told.what}`).toContain(told.folder);
}

/** Without faults the next command works, and nothing is left. */
async function expectNext(
  operator: Operator,
  after: {
    readonly operation: Operation;
    readonly folder: string;
    readonly out: boolean;
    readonly version: number;
    readonly what: string;
  },
): Promise<void> {
  const { operation, folder, out, version, what } = after;
  const next = operation.name === "adopt" && !out ? "adopt" : "publish";
  const answer = await operator.ask(folder, next);
  expect(answer, `after ${what}`).toMatchObject({ outcome: "switched", version: version + 1 });
  if (next === "adopt") await operator.ask(folder, "publish");
  expect((await auditStore(folder, { acknowledged: version + 1, clean: true })).complaints, `after ${what}`).toEqual([]);
}

/** How often an operation makes each kind of call. */
export async function countCalls(operator: Operator, operation: Operation): Promise<Counted["counts"]> {
  const { answer, counted } = await operator.run(operation, undefined);
  expect(answer.error?.ours ?? true, `${JSON.stringify(answer)} without a fault`).toBe(true);
  return counted.counts;
}

/** Every n of a kind until the operation no longer comes that far. */
export async function tryEvery(operator: Operator, operation: Operation, fault: Omit<Fault, "nth">): Promise<number> {
  let nth = 1;
  while (await tryFault(operator, operation, { ...fault, nth })) nth += 1;
  expect(nth, `${fault.kinds.join()} is met`).toBeGreaterThan(1);
  return nth - 1;
}

/** What else than EIO a kind of call meets. */
const usual: Partial<Record<Kind, Fault["errno"]>> = { open: "EMFILE", create: "ENOSPC", write: "ENOSPC", lock: "ENOLCK" };

/** `each` calls of each kind, chosen by chance, fail as calls of that kind usually do. Returns how many were met. */
export async function trySome(
  operator: Operator,
  operation: Operation,
  { each, seed }: { readonly each: number; readonly seed: Seed },
): Promise<number> {
  const counts = await countCalls(operator, operation);
  let count = 0;
  for (const kind of kinds) {
    for (const index of seed.shuffled([...Array(counts[kind]).keys()]).slice(0, each)) {
      const fault = { kinds: [kind], nth: index + 1, errno: usual[kind] ?? "EIO" } as const;
      if (await tryFault(operator, operation, fault)) count += 1;
    }
  }
  expect(count).toBeGreaterThan(6 * each);
  return count;
}

/** What every fault comes to. */
export const clear =
  "an error of ours that names the path, or none where the call did not matter; old or new release whole as it says; the next publish works and cleans up";
