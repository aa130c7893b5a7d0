import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { distUrl, startProgram } from "../../support/child.ts";
import { proofLedger } from "../ledger.ts";
import { folderMaker, operations, publishing, storeFolder } from "./operations.ts";
import { proofSeed, Seed } from "../seed.ts";
import { buildShim, FaultPlan, type Fault, type Kind } from "./shim.ts";
import { clear, countCalls, tryEvery, tryFault, trySome, words, type Answer, type Operator } from "./sweep.ts";

const ledger = proofLedger("faults", "syscalls");
const seed = new Seed(proofSeed());
const scratch = mkdtempSync(join(tmpdir(), "lockkeeper-shim-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const shim = buildShim(scratch);
const skipped = "skipped" in shim ? shim.skipped : undefined;

/** A process under the shim, and folders for it to work in. */
async function startOperator(): Promise<Operator> {
  if (!("library" in shim)) throw new Error("no shim");
  const folders = folderMaker();
  const plan = new FaultPlan(mkdtempSync(join(scratch, "plan-")));
  const operator = fileURLToPath(new URL("operator.mjs", import.meta.url));
  const child = startProgram([process.execPath, operator, distUrl(""), import.meta.resolve("@duckdb/node-api")], {
    env: { LD_PRELOAD: shim.library, LOCKKEEPER_FAULT_PLAN: plan.path, UV_USE_IO_URING: "0" },
  });
  await child.line("ready");
  const ask = async (folder: string, operation: string): Promise<Answer> => {
    child.send(JSON.stringify({ folder, operation }));
    const answer = await child.line("done ");
    expect(child.stdout()).not.toMatch(/^unhandled /m);
    return JSON.parse(answer.slice(5)) as Answer;
  };
  return {
    async run(operation, fault) {
      const root = await folders.of(operation);
      const folder = storeFolder(root);
      plan.arm(folder, fault);
      const answer = await ask(folder, words[operation.name] ?? "");
      return { root, folder, answer, counted: plan.disarm() };
    },
    ask,
    close: () => plan.close(),
  };
}

function skip(operation: string, fault: string): boolean {
  if (skipped === undefined) return false;
  ledger.add({ operation, fault, outcome: "not tried", count: 0, skipped });
  return true;
}

const exhaustive: readonly (Omit<Fault, "nth"> & { readonly title: string })[] = [
  ...(["create", "write", "sync", "rename", "unlink", "mkdir", "rmdir", "truncate", "close", "mode", "list"] as const).map(
    (kind) => ({
      title: `EIO at each ${kind}`,
      kinds: [kind],
      errno: "EIO" as const,
    }),
  ),
  { title: "EIO at each open", kinds: ["open"], errno: "EIO" },
  { title: "EIO at each read", kinds: ["read"], errno: "EIO" },
  { title: "EIO at each stat", kinds: ["stat"], errno: "EIO" },
  { title: "ENOLCK at each lock", kinds: ["lock"], errno: "ENOLCK" },
  {
    title: "ENOSPC at each create, write, fsync, rename and mkdir",
    kinds: ["create", "write", "sync", "rename", "mkdir"],
    errno: "ENOSPC",
  },
  { title: "EMFILE at each open", kinds: ["open", "create"], errno: "EMFILE" },
  { title: "a short read or write at each", kinds: ["read", "write"], errno: "short" },
];

/** How often each kind of call failed with EIO, for one row of them all. */
const eio: { readonly kind: string; readonly count: number }[] = [];

test.each(exhaustive)("publish, $title", async ({ title, ...fault }) => {
  if (skipped !== undefined && fault.errno === "EIO") return;
  if (skip("publish", title)) return;
  const operator = await startOperator();
  const count = await tryEvery(operator, publishing, fault);
  operator.close();
  if (fault.errno === "EIO") eio.push({ kind: fault.kinds.join(), count });
  else ledger.add({ operation: "publish", fault: title, outcome: clear, count });
});

test("publish, EIO at every call: the sum", () => {
  const faults = exhaustive.filter(({ errno }) => errno === "EIO");
  const title = `EIO at each ${faults.map(({ kinds: [kind] }) => kind).join(", ")}`;
  if (skipped !== undefined) return void skip("publish", title);
  expect(eio.map(({ kind }) => kind)).toEqual(faults.map((fault) => fault.kinds.join()));
  ledger.add({ operation: "publish", fault: title, outcome: clear, count: eio.reduce((sum, { count }) => sum + count, 0) });
});

test("publish on a disk that is full, or read-only, from some call on", async () => {
  const title = "ENOSPC, EDQUOT, EROFS or EACCES from the n-th call on, and every later one";
  if (skip("publish", title)) return;
  const operator = await startOperator();
  const changing: readonly Kind[] = ["create", "write", "mkdir", "copy"];
  const counts = await countCalls(operator, publishing);
  const calls = changing.reduce((sum, kind) => sum + counts[kind], 0);
  let count = 0;
  for (const errno of ["ENOSPC", "EDQUOT", "EROFS", "EACCES"] as const) {
    for (const index of seed.shuffled([...Array(calls).keys()]).slice(0, 12)) {
      if (await tryFault(operator, publishing, { kinds: changing, nth: index + 1, sticky: true, errno })) count += 1;
    }
  }
  expect(count).toBeGreaterThan(24);
  operator.close();
  ledger.add({ operation: "publish", fault: title, outcome: clear, count });
});

const others = operations.filter(({ name }) => name !== "publish" && words[name] !== undefined);

test.each(others)("$name, a fault at some calls of each kind", async (operation) => {
  const title = "EIO, ENOSPC, EMFILE or ENOLCK at two calls of each kind, by a seed";
  if (skip(operation.name, title)) return;
  const operator = await startOperator();
  const count = await trySome(operator, operation, { each: 2, seed });
  operator.close();
  ledger.add({ operation: operation.name, fault: title, outcome: clear, count });
});
