import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { lockKinds, pidNamespace, startActor, startHolder } from "./support.ts";

const ledger = proofLedger("locks", "1-two-processes");
const operation = "two processes, one lock (writer lock, build lock, build folder's lock, reader's pin)";
const noNamespace =
  spawnSync(pidNamespace[0], [...pidNamespace.slice(1), "true"]).status === 0 ? undefined : "needs root and Linux";

/** Adds the row once all kinds are through. */
function afterAllKinds(row: { readonly fault: string; readonly outcome: string }): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count === lockKinds.length) ledger.add({ operation, ...row, count });
  };
}

describe("FACTS 5: a holder that is stopped, killed, or careless", () => {
  const stopped = afterAllKinds({
    fault: "holder stopped (SIGSTOP), then continued",
    outcome: "nobody takes the lock from it; free once it gives it up",
  });
  test.each(lockKinds)("the %s of a stopped process is not stolen", async (kind) => {
    const folder = temporaryFolder();
    const [holder, contender] = [await startHolder(kind, folder), await startActor(kind, folder)];
    holder.process.kill("SIGSTOP");
    for (let round = 0; round < 3; round += 1) expect(await contender.ask("contend")).toEqual({ refused: true });
    holder.process.kill("SIGCONT");
    expect(await holder.ask("touch")).toEqual({});
    expect(await contender.ask("contend")).toEqual({ refused: true });
    await holder.ask("release");
    expect(await contender.ask("contend")).toEqual({ refused: false });
    stopped();
  });

  const killed = afterAllKinds({
    fault: "holder killed (SIGKILL)",
    outcome: "free at once; the note of the writer and the build lock names who died",
  });
  test.each(lockKinds)("the %s of a killed process is free at once", async (kind) => {
    const folder = temporaryFolder();
    const [holder, contender] = [await startHolder(kind, folder), await startActor(kind, folder)];
    holder.process.kill("SIGKILL");
    await holder.ended;
    if (kind === "writer lock" || kind === "build lock") {
      const died = expect.stringContaining(`process ${holder.pid}, died`) as string;
      expect(await contender.ask("status")).toMatchObject({
        lock: { held: false, pid: holder.pid },
        detail: [expect.anything(), died],
      });
      expect(await contender.ask("take")).toMatchObject({ held: true, died: holder.pid });
    } else {
      expect(await contender.ask("contend")).toEqual({ refused: false });
    }
    killed();
  });

  const touched = afterAllKinds({
    fault: "holder opens, reads, copies and closes the lock file, in its main and in a worker thread",
    outcome: "still held",
  });
  test.each(lockKinds)("the %s is kept when its process opens and closes the file", async (kind) => {
    const folder = temporaryFolder();
    const [holder, contender] = [await startHolder(kind, folder), await startActor(kind, folder)];
    await holder.ask("touch");
    expect(await contender.ask("contend")).toEqual({ refused: true });
    touched();
  });

  const again = afterAllKinds({ fault: "the holder's own process wants it through a second descriptor", outcome: "refused" });
  test.each(lockKinds)("the %s is refused to its own process, too", async (kind) => {
    const folder = temporaryFolder();
    const holder = await startHolder(kind, folder);
    expect(await holder.ask("contend")).toEqual({ refused: true });
    await holder.ask("release");
    expect(await holder.ask("contend")).toEqual({ refused: false });
    again();
  });
});

test("a pin is shared: two readers hold it, and prune waits for the last of them", async () => {
  const folder = temporaryFolder();
  const [first, second, prune] = [
    await startHolder("reader's pin", folder),
    await startHolder("reader's pin", folder),
    await startActor("reader's pin", folder),
  ];
  first.process.kill("SIGKILL");
  await first.ended;
  expect(await prune.ask("contend")).toEqual({ refused: true });
  second.process.kill("SIGKILL");
  await second.ended;
  expect(await prune.ask("contend")).toEqual({ refused: false });
  ledger.add({
    operation: "two readers of one release, and prune",
    fault: "one reader killed, then the other",
    outcome: "the pin stays until the last reader is gone",
    count: 1,
  });
});

describe.runIf(noNamespace === undefined)("FACTS 5: PID 1 of a container's namespace", () => {
  const inside = afterAllKinds({
    fault: "holder is PID 1 of a namespace, contender outside; then killed",
    outcome: "refused; the note says process 1; free at its death",
  });
  test.each(lockKinds)("the %s of PID 1 inside holds outside", async (kind) => {
    const folder = temporaryFolder();
    const [holder, contender] = [await startHolder(kind, folder, { wrap: pidNamespace }), await startActor(kind, folder)];
    expect(await contender.ask("contend")).toEqual({ refused: true });
    if (kind === "writer lock" || kind === "build lock") {
      expect(await contender.ask("take")).toMatchObject({ held: false, holder: { pid: 1 } });
      expect(await contender.ask("status")).toMatchObject({ lock: { held: true, pid: 1 } });
    }
    holder.process.kill("SIGKILL");
    await holder.ended;
    expect(await contender.ask("contend")).toEqual({ refused: false });
    inside();
  });

  const outside = afterAllKinds({
    fault: "holder outside, contender is PID 1 of a namespace",
    outcome: "refused; free once it is given up",
  });
  test.each(lockKinds)("the %s of a process outside holds against PID 1 inside", async (kind) => {
    const folder = temporaryFolder();
    const [holder, contender] = [await startHolder(kind, folder), await startActor(kind, folder, { wrap: pidNamespace })];
    expect(await contender.ask("contend")).toEqual({ refused: true });
    if (kind === "writer lock" || kind === "build lock") {
      expect(await contender.ask("status")).toMatchObject({ lock: { held: true, pid: holder.pid } });
    }
    await holder.ask("release");
    expect(await contender.ask("contend")).toEqual({ refused: false });
    outside();
  });
});

test.runIf(noNamespace !== undefined)("namespaces cannot be made here", () => {
  const skipped = noNamespace ?? "";
  for (const fault of [
    "holder is PID 1 of a namespace, contender outside; then killed",
    "holder outside, contender is PID 1 of a namespace",
  ]) {
    ledger.add({ operation, fault, outcome: "", count: 0, skipped });
  }
});
