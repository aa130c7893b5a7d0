import { chmodSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LayoutKind } from "../../../src/model/layout.ts";
import { showRelease } from "../../../src/release/list.ts";
import { pruneReleases } from "../../../src/release/prune.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import { distUrl, startScript } from "../../support/child.ts";
import { rowsBuild, startOperation, storeIn, writeFromOutside } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { openDatabases } from "../support/descriptors.ts";
import { readerOn, until } from "../support/real-reader.ts";

const rows = "SELECT count(*)::INT FROM t";

const codeOf = (error: unknown) => (error as { readonly code: string }).code;

/** Another process that borrows a release until it is told to go on, and then asks once more. */
function borrowElsewhere(dir: string, release: string) {
  return startScript(`
    import { openReader } from ${JSON.stringify(distUrl("index.js"))};
    import { once } from "node:events";
    const reader = await openReader(${JSON.stringify({ dir })});
    const told = once(process.stdin, "data");
    await reader.borrow(async (held) => {
      console.log("before " + (await held.query(${JSON.stringify(rows)})).rows[0][0]);
      await told;
      const { rows: [[count]], version } = await held.query(${JSON.stringify(rows)});
      console.log("after " + count + " of version " + version);
    }, { release: ${JSON.stringify(release)} });
    await reader.close();
    process.exit(0);
  `);
}

describe.each<LayoutKind>(["slots", "releases"])("layout %s", (layout) => {
  test("the release before answers by name beside the active one, also across a switch; by its name the active one is the one that serves", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout });
    for (const count of [1, 2]) await publish(store, rowsBuild(count));
    const reader = await readerOn(folder);
    const ask = async (release: string) => {
      const answer = await reader.query(rows, [], { release });
      return [answer.rows[0]?.[0], answer.release, answer.version];
    };
    expect(await ask("r000001")).toEqual([1, "r000001", 1]);
    expect(await ask("r000002")).toEqual([2, "r000002", 2]);
    expect(reader.status().generations.map(({ state, pinned }) => [state, pinned])).toEqual([
      ["active", true],
      ["kept", true],
    ]);
    const across = await reader.borrow(
      async (held) => {
        // With two slots this build takes the very slot that is held: the system keeps the bytes of an open file.
        await publish(store, rowsBuild(3));
        return [(await held.query(rows)).rows[0]?.[0], (await reader.query(rows)).rows[0]?.[0]];
      },
      { release: "r000001" },
    );
    expect(across).toEqual([1, 3]);
    await reader.close();
    expect(openDatabases(folder) ?? []).toEqual([]);
    const later = await readerOn(folder);
    const first = later.query(rows, [], { release: "r000001" });
    if (layout === "slots") await expect(first).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
    else expect((await first).rows).toEqual([[1]]);
    expect((await later.query(rows, [], { release: "r000002" })).rows).toEqual([[2]]);
    expect((await later.query(rows, [], { release: "r000002", values: "js" })).version).toBe(2);
  });

  test("what a crash installed and never switched to can be looked at, without a version", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { layout });
    for (const count of [11, 12]) await publish(store, rowsBuild(count));
    const before = await showRelease(store, "r000001");
    const crashed = startOperation({ dir: folder, layout }, `return publish(store, rowsBuild(13));`, {
      LOCKKEEPER_FAILPOINTS: "install.done=kill",
    });
    expect(await crashed.ended).toMatchObject({ signal: "SIGKILL" });
    const reader = await readerOn(folder);
    expect(await reader.query(rows, [], { release: "r000003" })).toMatchObject({ rows: [[13]], version: undefined });
    const asked = reader.query(rows, [], { release: "r000001" });
    if (layout === "slots") {
      // FACTS 5: what lies in its slot now is of the same size, so only the sha256 tells them apart.
      expect(statSync(join(folder, "DB_a.duckdb")).size).toBe(before.files[0]?.bytes);
      await expect(asked).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
    } else expect((await asked).rows).toEqual([[11]]);
  });
});

test("a release that another process reads survives every prune, also while that one is stopped, and goes once it is gone", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { layout: "releases", retention: { keep: 1 } });
  for (const count of [1, 2]) await publish(store, rowsBuild(count));
  const elsewhere = borrowElsewhere(folder, "r000001");
  expect(await elsewhere.line("before")).toBe("before 1");
  elsewhere.process.kill("SIGSTOP");
  for (const count of [3, 4]) await publish(store, rowsBuild(count));
  // What is active for a process that was stopped is r000002.
  expect(readdirSync(join(folder, "releases"))).toEqual(["r000001", "r000002", "r000003", "r000004"]);
  const reason = "a reader has it open";
  expect((await pruneReleases(store)).kept.filter((kept) => kept.reason === reason)).toEqual([
    { release: "r000001", reason },
    { release: "r000002", reason },
  ]);
  elsewhere.process.kill("SIGCONT");
  elsewhere.send("on");
  expect(await elsewhere.line("after")).toBe("after 1 of version 1");
  expect(await elsewhere.ended).toMatchObject({ code: 0 });
  expect((await pruneReleases(store)).removed).toMatchObject([{ release: "r000001" }, { release: "r000002" }]);
  const reader = await readerOn(folder);
  await expect(reader.query(rows, [], { release: "r000001" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  expect(reader.status()).toMatchObject({ ok: true, servingVersion: 4 });
});

test("prune and time travel side by side: every answer is of the release that was asked for, or says that it is gone", async () => {
  const folder = temporaryFolder();
  const store = storeIn(folder, { layout: "releases", retention: { keep: 2 } });
  for (const count of [1, 2]) await publish(store, rowsBuild(count));
  const reader = await readerOn(folder, { keptIdleMs: 0, limits: { releases: 1 } });
  const load = { running: true, asked: 0 };
  const outcomes = new Set<string>();
  const client = async (first: number): Promise<void> => {
    for (let number = first; load.running; number = (number % 4) + 1) {
      const answer = await reader.query(rows, [], { release: `r00000${number}` }).catch(codeOf);
      outcomes.add(typeof answer === "string" ? answer : `${answer.release} ${String(answer.rows[0]?.[0])}`);
      load.asked += 1;
    }
  };
  const clients = [client(1), client(2), client(3)];
  for (const count of [3, 4]) await publish(store, rowsBuild(count));
  const { asked } = load;
  await until(() => load.asked > asked + 12);
  load.running = false;
  await Promise.all(clients);
  const allowed = new Set(["RELEASE_UNKNOWN", ...[1, 2, 3, 4].map((count) => `r00000${count} ${count}`)]);
  expect([...outcomes].filter((outcome) => !allowed.has(outcome))).toEqual([]);
  expect(outcomes).toContain("r000004 4");
  expect(reader.status()).toMatchObject({ ok: true, release: "r000004" });
});

test("a store of two slots that became one of folders: both kinds by their ids, and a rollback serves what was asked for by name", async () => {
  const folder = temporaryFolder();
  for (const count of [1, 2]) await publish(storeIn(folder), rowsBuild(count));
  const store = storeIn(folder, { layout: "releases" });
  await publish(store, rowsBuild(3));
  const reader = await readerOn(folder);
  for (const count of [1, 2, 3]) {
    expect((await reader.query("SELECT count(*)::INT FROM DB.t", [], { release: `r00000${count}` })).rows).toEqual([[count]]);
  }
  await rollback(store, { to: "r000001" });
  expect(await reader.query(rows)).toMatchObject({ rows: [[1]], release: "r000001", version: 4 });
  expect(await reader.query(rows, [], { release: "r000001" })).toMatchObject({ rows: [[1]], version: 4 });
});

test("a slot that another program wrote, a file of another size, one with a log, a folder that leads elsewhere: none is served as the release", async () => {
  const folder = temporaryFolder();
  const slots = join(folder, "slots");
  mkdirSync(slots);
  for (const count of [1, 2]) await publish(storeIn(slots), rowsBuild(count));
  expect(await writeFromOutside(join(slots, "DB_a.duckdb"), "UPDATE t SET n = 77")).toBe("written");
  const onSlots = await readerOn(slots);
  await expect(onSlots.query(rows, [], { release: "r000001" })).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
  expect(onSlots.status()).toMatchObject({ ok: true });

  const store = storeIn(join(folder, "folders"), { layout: "releases", retention: { keep: 9 } });
  for (const count of [1, 2, 3, 4]) await publish(store, rowsBuild(count));
  const file = (release: string) => join(store.paths.release(release), "DB.duckdb");
  chmodSync(file("r000001"), 0o644);
  truncateSync(file("r000001"), 4096);
  writeFileSync(`${file("r000002")}.wal`, "what somebody wrote");
  renameSync(store.paths.release("r000003"), join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), store.paths.release("r000003"));
  const reader = await readerOn(store.paths.folder);
  const codes = ["r000001", "r000002", "r000003"].map((release) => reader.query(rows, [], { release }).catch(codeOf));
  expect(await Promise.all(codes)).toEqual(["CHECKSUM_MISMATCH", "CHECKSUM_MISMATCH", "RELEASE_UNKNOWN"]);
  expect((await reader.query(rows)).rows).toEqual([[4]]);
});
