import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { distUrl, type Child } from "../../support/child.ts";
import { proofLedger } from "../ledger.ts";
import { auditStore } from "./audit.ts";
import { proofSeed, Seed } from "../seed.ts";
import { makeVolume, volumeLacks, type Volume, type VolumeKind } from "./volume.ts";

const seed = new Seed(proofSeed());

/** The failpoints that three publishes and a rollback pass: those of the second publish, and those that only a rollback has. */
async function failpointsOn(volume: Volume): Promise<string[]> {
  const publisher = startPublisher(volume, { rounds: 3, failpoints: "*=tell" });
  await publisher.line("through");
  const names = [...publisher.stderr().matchAll(/^failpoint (\S+) tell$/gm)].map(([, name = ""]) => name);
  publisher.process.kill("SIGKILL");
  await publisher.ended;
  const once = (name: string) => names.indexOf(name) === names.lastIndexOf(name);
  return [...new Set(names)].map((name) => `${name}#${once(name) ? 1 : 2}`);
}

/** A process that publishes and rolls back for ever, or `rounds` times, and prints every version it was told is out. `broken`: nothing is fsynced. */
function startPublisher(volume: Volume, options: { broken?: boolean; rounds?: number; failpoints?: string } = {}): Child {
  const source = `
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    import { duckdbEngine } from ${JSON.stringify(distUrl("engine/duckdb/engine.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    import { openReleaseStore } from ${JSON.stringify(distUrl("release/open.js"))};
    import { publish } from ${JSON.stringify(distUrl("release/publish.js"))};
    import { rollback } from ${JSON.stringify(distUrl("release/rollback.js"))};
    const whole = nodePlatform();
    const files = {
      ...whole.files,
      syncFolder: async () => undefined,
      async open(...words) {
        const file = await whole.files.open(...words);
        file.sync = async () => undefined;
        return file;
      },
    };
    const platform = ${options.broken === true} ? { ...whole, files } : whole;
    const store = openReleaseStore(
      { name: "holdings", dir: ${JSON.stringify(join(volume.folder, "holdings"))}, layout: "slots", basename: "DB" },
      { platform, engine: duckdbEngine(platform) },
    );
    const source = { kind: "function", async build({ path }) {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      await connection.run("CREATE TABLE t AS SELECT range AS n, random() AS r FROM range(20000)");
      connection.closeSync();
      instance.closeSync();
    } };
    try {
      for (let round = 0; round < ${options.rounds ?? 1_000_000}; round += 1) {
        console.log("acknowledged " + (await publish(store, source)).version);
        if (round % 3 === 2) console.log("acknowledged " + (await rollback(store)).version);
      }
      console.log("through");
      process.stdin.resume();
    } catch (error) {
      console.log("error " + error.code + " " + error.message);
    }
  `;
  return volume.start(source, { LOCKKEEPER_FAILPOINTS: options.failpoints });
}

/** The last version that a process told of. */
function acknowledgedBy(child: Child): number {
  return Math.max(0, ...[...child.stdout().matchAll(/^acknowledged (\d+)$/gm)].map(([, version]) => Number(version)));
}

/** What a cut left: complaints and the version that is active. */
async function auditVolume(volume: Volume, acknowledged: number) {
  return auditStore(join(volume.seen, "holdings"), { acknowledged });
}

const kinds: readonly VolumeKind[] = ["ext4", "xfs"];

describeEach(kinds, (kind) => {
  const ledger = proofLedger("power-cuts", kind);
  const skipped = volumeLacks(kind);
  const skip = (operation: string, fault: string) => {
    if (skipped !== undefined) ledger.add({ operation, fault, outcome: "not tried", count: 0, skipped });
    return skipped !== undefined;
  };
  const whole = "old or new release whole, no acknowledged version lost, the next publish works";

  test(`${kind}: power cut at random moments`, async () => {
    const [operation, fault] = [`publish and rollback on ${kind}`, "power cut at a random moment, by a seed"];
    if (skip(operation, fault)) return;
    const volume = await makeVolume(kind);
    let acknowledged = 0;
    const cuts = 40;
    for (let cut = 0; cut < cuts; cut += 1) {
      const publisher = startPublisher(volume);
      // The first one is the recovery from the cut before.
      await publisher.line("acknowledged ");
      await wait(seed.below(400));
      await volume.cutPower(publisher);
      acknowledged = Math.max(acknowledged, acknowledgedBy(publisher));
      const found = await auditVolume(volume, acknowledged);
      expect(found.complaints, `cut ${cut + 1}`).toEqual([]);
      acknowledged = found.active?.version ?? 0;
    }
    await finish(volume, acknowledged);
    ledger.add({ operation, fault, outcome: whole, count: cuts });
  });

  test(`${kind}: power cut at each failpoint`, async () => {
    const [operation, fault] = [`publish and rollback on ${kind}`, "power cut at each failpoint"];
    if (skip(operation, fault)) return;
    const volume = await makeVolume(kind);
    const points = await failpointsOn(volume);
    expect(points).toEqual(expect.arrayContaining(["switch.synced#2", "switch.renamed#2", "rollback.verified#1"]));
    let acknowledged = 0;
    for (const at of points) {
      const publisher = startPublisher(volume, { failpoints: `${at}=kill` });
      expect(await publisher.ended, `at ${at}`).toMatchObject({ signal: "SIGKILL" });
      await volume.cutPower(publisher);
      acknowledged = Math.max(acknowledged, acknowledgedBy(publisher));
      const found = await auditVolume(volume, acknowledged);
      expect(found.complaints, `at ${at}`).toEqual([]);
      acknowledged = found.active?.version ?? 0;
    }
    await finish(volume, acknowledged);
    ledger.add({ operation, fault, outcome: whole, count: points.length });
  });

  test(`${kind}: the means catch a publisher that never fsyncs`, async () => {
    const [operation, fault] = [`a publisher that never fsyncs, on ${kind}`, "power cut right after a version was acknowledged"];
    if (skip(operation, fault)) return;
    const caught: string[] = [];
    const tries = 5;
    for (let cut = 0; cut < tries; cut += 1) {
      const volume = await makeVolume(kind);
      const publisher = startPublisher(volume, { broken: true, rounds: 2 });
      await publisher.line("through");
      await volume.cutPower(publisher);
      caught.push(...(await auditVolume(volume, acknowledgedBy(publisher))).complaints);
    }
    expect(caught.join("\n")).toMatch(/was acknowledged/);
    ledger.add({
      operation,
      fault,
      outcome:
        "caught: acknowledged versions are lost. One left-out fsync among others would hardly be seen here, for each fsync commits the whole journal; the model has those",
      count: tries,
    });
  });
});

function describeEach<T>(items: readonly T[], define: (item: T) => void): void {
  for (const item of items) define(item);
}

/** A last publisher that ends by itself leaves nothing behind. */
async function finish(volume: Volume, acknowledged: number): Promise<void> {
  const publisher = startPublisher(volume, { rounds: 1 });
  await publisher.line("through");
  const clean = await auditStore(join(volume.seen, "holdings"), { acknowledged: acknowledged + 1, clean: true });
  expect(clean.complaints).toEqual([]);
  publisher.process.kill("SIGKILL");
  await publisher.ended;
}
