import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { distUrl, startScript, type Child } from "../../support/child.ts";
import { startReceiver } from "../../support/receiver.ts";
import { manifestOf, rowsBuild, startOperation, storeIn } from "../../support/store.ts";
import { proofLedger } from "../ledger.ts";
import { proofSeed, Seed } from "../seed.ts";
import { auditStore } from "./audit.ts";
import { configureWebhook, prepareEvents, startDeliverer } from "./delivery.ts";
import { detachedOperations } from "./detached-operations.ts";
import { failpointsIn, folderMaker, inParallel, operations, publishing, startOn, storeFolder } from "./operations.ts";
import type { Operation } from "./operations.ts";
import { severalFilesOperations } from "./several-files-operations.ts";

const ledger = proofLedger("kills", "sweep");
const seed = new Seed(proofSeed());
const width = 3;

/** Failpoints of the configuration file, which no lock guards. */
const unlocked = /^config\./;
const allOperations = [...operations, ...detachedOperations, ...severalFilesOperations];
const passed = new Map<Operation, readonly string[]>();

/** Every failpoint that the sources name, and every prefix of those that a file has which is written whole. */
function failpointsInSources(): { readonly names: string[]; readonly prefixes: string[] } {
  const folder = fileURLToPath(new URL("../../../src/", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const text = files.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  const all = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))];
  return { names: all(/\bfailpoint\("([^"]+)"\)/g), prefixes: all(/\bfailpoint: "([^"]+)"/g) };
}

/** Recovers as a person would, in this process, then goes on: a rollback, nothing left. */
async function recoverAndGoOn(operation: Operation, root: string, acknowledged: number): Promise<void> {
  const folder = storeFolder(root);
  await operation.recover(root);
  const recovered = await auditStore(folder, { acknowledged: acknowledged + 1, clean: true });
  expect(recovered.complaints).toEqual([]);
  const store = storeIn(folder, operation.store);
  expect(await storeStatus(store)).toMatchObject({ status: "pass" });
  const version = recovered.active?.version ?? 0;
  if (manifestOf(folder)["previous"] === undefined) await publish(store, rowsBuild(5));
  const back = await rollback(store);
  const after = await auditStore(folder, { acknowledged: version + 1, clean: true });
  expect(after).toMatchObject({ complaints: [], active: { version: back.version } });
}

/** The dead process is told of, and both releases that may be active are whole. */
async function auditKilled(
  operation: Operation,
  root: string,
  killed: { readonly child: Child; readonly at: string },
): Promise<number> {
  const { child, at } = killed;
  expect(await child.ended, `${operation.name} at ${at}: ${child.stderr()}`).toMatchObject({ signal: "SIGKILL" });
  const found = await auditStore(storeFolder(root), { acknowledged: operation.before });
  expect(found.complaints, `${operation.name} killed at ${at}`).toEqual([]);
  const version = found.active?.version ?? 0;
  expect([operation.before, operation.after]).toContain(version);
  if (!unlocked.test(at) && !operation.unattended) {
    expect(await storeStatus(storeIn(storeFolder(root), operation.store))).toMatchObject({
      detail: expect.arrayContaining([expect.stringContaining(`process ${child.pid}, died`)]),
    });
  }
  return version;
}

test("the failpoints that operations pass are all there are", async () => {
  const folders = folderMaker();
  await inParallel(allOperations, width, async (operation) => {
    const root = await folders.of(operation);
    const child = startOn(root, operation, { LOCKKEEPER_FAILPOINTS: "*=tell" });
    await child.ended;
    passed.set(operation, failpointsIn(child.stderr()));
    expect((await auditStore(storeFolder(root), { acknowledged: operation.after, clean: true })).complaints).toEqual([]);
  });
  // Killed in deliveries.proof.ts.
  const { url } = await startReceiver();
  const deliverer = startDeliverer(await configureWebhook(await folders.of({ prepare: prepareEvents }), url), "*=tell");
  await deliverer.ended;
  const all = [...passed.values(), failpointsIn(deliverer.stderr())].flat();
  const met = new Set(all.map((name) => name.replace(/#\d+$/, "")));
  const { names, prefixes } = failpointsInSources();
  expect(names.length + prefixes.length).toBeGreaterThan(10);
  // The doctor changes no store; test/cli/doctor.test.ts stops, interrupts and kills it at its own.
  expect(names.filter((name) => !met.has(name) && !name.startsWith("doctor."))).toEqual([]);
  // An empty pin or a new configuration is written but not renamed.
  expect(prefixes.filter((prefix) => !met.has(`${prefix}.written`) || !met.has(`${prefix}.synced`))).toEqual([]);
});

test.each(allOperations)(
  "$name killed at every failpoint: old or new, whole; the next command cleans up and goes on",
  async (operation) => {
    const folders = folderMaker();
    const { only = { points: /./, words: "that it passes" } } = operation;
    const points = (passed.get(operation) ?? []).filter((name) => only.points.test(name));
    expect(points.length).toBeGreaterThan(3);
    await inParallel(points, width, async (at) => {
      const root = await folders.of(operation);
      const child = startOn(root, operation, { LOCKKEEPER_FAILPOINTS: `${at}=kill` });
      await recoverAndGoOn(operation, root, await auditKilled(operation, root, { child, at }));
    });
    ledger.add({
      operation: operation.name,
      fault: `kill -9 at each failpoint ${only.words}`,
      outcome: "the old release or the new one, whole; locks free; the next command cleans up, and publish and rollback work",
      count: points.length,
    });
  },
);

test("a recovering publish is killed, too, after each other operation", async () => {
  const folders = folderMaker();
  const names = ["first publish", "refused publish", "failed build", "rollback"];
  const others = operations.filter(({ name }) => names.includes(name));
  const recovery = passed.get(publishing) ?? [];
  const pairs = others.flatMap((operation) =>
    seed
      .shuffled(passed.get(operation) ?? [])
      .slice(0, 4)
      .map((at) => ({ operation, at, seconds: seed.shuffled(recovery) })),
  );
  expect(pairs).toHaveLength(16);
  await inParallel(pairs, width, async ({ operation, at, seconds }) => {
    for (const second of seconds) {
      const root = await folders.of(operation);
      const version = await auditKilled(operation, root, {
        child: startOn(root, operation, { LOCKKEEPER_FAILPOINTS: `${at}=kill` }),
        at,
      });
      const recovering = startOperation(storeFolder(root), `return publish(store, rowsBuild(6));`, {
        LOCKKEEPER_FAILPOINTS: `${second}=kill`,
      });
      const { code, signal } = await recovering.ended;
      // The first publish of a store passes fewer points than one that has two to follow: then another is tried.
      if (code === 0) continue;
      expect(signal).toBe("SIGKILL");
      const found = await auditStore(storeFolder(root), { acknowledged: version });
      expect(found.complaints, `${operation.name} killed at ${at}, recovery at ${second}`).toEqual([]);
      await recoverAndGoOn(operation, root, found.active?.version ?? 0);
      return;
    }
    expect.unreachable(`no point of ${seconds.join()} was passed after ${operation.name} was killed at ${at}`);
  });
  ledger.add({
    operation: `${names.join(", ")}; then the publish that recovers`,
    fault: "kill -9 at a failpoint of the first, and at one of the second, by a seed",
    outcome: "the same",
    count: pairs.length,
  });
});

/** A reader in a process of its own that asks every few milliseconds, and tells at the end what it saw. */
function startReader(folder: string): Child {
  return startScript(`
    import { setTimeout as wait } from "node:timers/promises";
    import { openReader } from ${JSON.stringify(distUrl("index.js"))};
    const reader = await openReader({ dir: ${JSON.stringify(folder)}, basename: "DB" });
    const seen = { answers: 0, failures: [], back: [], mixed: [], releases: 0 };
    const rows = new Map();
    let version = 0;
    let stop = false;
    process.stdin.on("data", () => { stop = true; });
    console.log("reading");
    while (!stop) {
      try {
        const answer = await reader.query("SELECT count(*) AS n, max(n) AS top FROM t");
        const [n, top] = answer.rows[0].map(String);
        seen.answers += 1;
        if (answer.version < version) seen.back.push(version + " to " + answer.version);
        version = answer.version;
        const known = rows.get(answer.release) ?? n;
        rows.set(answer.release, n);
        if (known !== n || top !== n) seen.mixed.push(answer.release + ": " + [known, n, top].join(" "));
      } catch (error) {
        seen.failures.push(error.message);
      }
      await wait(10);
    }
    await reader.close();
    console.log("seen " + JSON.stringify({ ...seen, releases: rows.size }));
    process.exit(0);
  `);
}

test("publishes killed one after the other, each recovering from the one before, under a reader", async () => {
  const folders = folderMaker();
  const points = passed.get(publishing) ?? [];
  const chains = Array.from({ length: 2 }, () => seed.shuffled(points));
  let kills = 0;
  await inParallel(chains, 2, async (chain) => {
    const root = await folders.of(publishing);
    const folder = storeFolder(root);
    const reader = startReader(folder);
    await reader.line("reading");
    let version = publishing.before;
    for (const [index, at] of chain.entries()) {
      const child = startOperation(folder, `return publish(store, rowsBuild(${index + 3}));`, {
        LOCKKEEPER_FAILPOINTS: `${at}=kill`,
      });
      expect(await child.ended).toMatchObject({ signal: "SIGKILL" });
      const found = await auditStore(folder, { acknowledged: version });
      expect(found.complaints, `killed at ${chain.slice(0, index + 1).join(", ")}`).toEqual([]);
      version = found.active?.version ?? 0;
      kills += 1;
    }
    await recoverAndGoOn(publishing, root, version);
    reader.send("stop");
    const seen = JSON.parse((await reader.line("seen ")).slice(5)) as Record<string, unknown[]> & {
      answers: number;
      releases: number;
    };
    expect(seen).toMatchObject({ failures: [], back: [], mixed: [] });
    expect(seen.answers).toBeGreaterThan(0);
    expect(seen.releases).toBeGreaterThan(2);
  });
  expect(kills).toBe(chains.length * points.length);
  ledger.add({
    operation: "publish after publish",
    fault: "kill -9 of each one while it recovers from the one before; every failpoint first and second, in two orders by a seed",
    outcome: "the same; a reader beside them met no failure, no mixed answer and no version going back",
    count: kills,
  });
});
