import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { operations, publishing } from "./operations.ts";
import { proofSeed, Seed } from "../seed.ts";
import { publishingSeveral, severalFilesBuild, store } from "./several-files-operations.ts";
import { startPortOperator } from "./port-operator.ts";
import { kinds, type Kind } from "./shim.ts";
import { clear, countCalls, tryEvery, trySome, words } from "./sweep.ts";

const ledger = proofLedger("faults", "port");
const seed = new Seed(proofSeed());

/** What a publish asks of the platform and what changes something; it copies nothing. Calls that only look fail by a seed, and each of them under the shim. */
const changing: readonly Kind[] = ["create", "write", "sync", "rename", "unlink", "mkdir", "rmdir", "truncate", "lock", "mode"];

test("publish, EIO at each call of the platform port that changes something", async () => {
  const operator = startPortOperator();
  const counts = await countCalls(operator, publishing);
  expect(kinds.filter((kind) => kind !== "copy" && counts[kind] === 0)).toEqual([]);
  let count = await tryEvery(operator, publishing, { kinds: changing, errno: "EIO" });
  count += await trySome(operator, publishing, { each: 2, seed });
  ledger.add({
    operation: "publish",
    fault: "EIO at each call of the platform port that changes something, and any error at some of the others",
    outcome: clear,
    count,
  });
});

test("publish, ENOSPC and short or empty writes at each call of the platform port that writes", async () => {
  const operator = startPortOperator();
  const writing: readonly Kind[] = ["create", "write", "sync", "rename", "mkdir"];
  let count = await tryEvery(operator, publishing, { kinds: writing, errno: "ENOSPC" });
  count += await tryEvery(operator, publishing, { kinds: ["write"], errno: "short" });
  count += await tryEvery(operator, publishing, { kinds: ["write"], errno: "zero" });
  ledger.add({
    operation: "publish",
    fault: "ENOSPC, a short write or one that takes nothing, at each call of the platform port",
    outcome: clear,
    count,
  });
});

test("publish of several files, a full disk at each call of the platform port that writes, and any error at some of the others", async () => {
  const operator = startPortOperator({ store, build: severalFilesBuild });
  const writing: readonly Kind[] = ["create", "write", "sync", "rename", "mkdir"];
  let count = await tryEvery(operator, publishingSeveral, { kinds: writing, errno: "ENOSPC" });
  count += await trySome(operator, publishingSeveral, { each: 1, seed });
  ledger.add({
    operation: publishingSeveral.name,
    fault: "ENOSPC at each call of the platform port that writes, and any error at some of the others",
    outcome: clear,
    count,
  });
});

test("the other operations, a fault at some calls of the platform port", async () => {
  const operator = startPortOperator();
  let count = 0;
  for (const operation of operations.filter(({ name }) => name !== "publish" && words[name] !== undefined)) {
    count += await trySome(operator, operation, { each: 1, seed });
  }
  ledger.add({
    operation: "first publish, refused publish, failed build, rollback, adopt, init --from",
    fault: "EIO, ENOSPC, EMFILE or ENOLCK at calls of the platform port, by a seed",
    outcome: clear,
    count,
  });
});
