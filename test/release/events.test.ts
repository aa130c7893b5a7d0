import { appendFileSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseEventId, type StoreEvent } from "../../src/model/events.ts";
import { adopt } from "../../src/release/adopt.ts";
import { storeEvents, type StoreEventsOptions } from "../../src/release/events.ts";
import { publish } from "../../src/release/publish.ts";
import { rollback } from "../../src/release/rollback.ts";
import type { ReleaseStore } from "../../src/release/store.ts";
import { historyOf, manifestBytes, rowsBuild, startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

/** Events to the end of what is there. */
async function eventsOf(stores: readonly ReleaseStore[], options: StoreEventsOptions = {}): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  for await (const event of storeEvents(stores, options)) events.push(event);
  return events;
}

/** Follows stores until the test has finished. */
function follow(stores: readonly ReleaseStore[], options: StoreEventsOptions = {}) {
  const controller = new AbortController();
  const events: StoreEvent[] = [];
  const warnings: string[] = [];
  let onTold = (): void => {};
  const onWarning = (detail: string): void => {
    warnings.push(detail);
    onTold();
  };
  const ended = (async () => {
    for await (const event of storeEvents(stores, { ...options, follow: true, signal: controller.signal, onWarning })) {
      events.push(event);
      onTold();
    }
  })().catch((error: unknown) => error as Error);
  onTestFinished(() => controller.abort());
  return {
    events,
    warnings,
    ended,
    stop: () => controller.abort(),
    /** Resolves once the condition holds; it is asked whenever something was told. Rejects when the following has ended. */
    until: (condition: () => boolean): Promise<void> =>
      new Promise((resolve, reject) => {
        onTold = () => condition() && resolve();
        void ended.then((error) => reject(error ?? new Error("ended")));
        onTold();
      }),
  };
}

const replaceManifest = (folder: string, text: string): void => {
  const path = join(folder, "db_manifest.json");
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};

const idsOf = (events: readonly StoreEvent[]) => events.map(({ id }) => id);

describe("a store's history as events", () => {
  test("a publish, a refusal, a failure and a rollback, in order; --after goes on after any of them", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder, { checks: [{ check: "rows", table: "t", severity: "error", min: 2 }] });
    await publish(store, rowsBuild(2), { note: "first" });
    await publish(store, rowsBuild(1));
    await publish(store, { kind: "command", argv: [process.execPath, "-e", "process.exit(4)"], folder }).catch(() => undefined);
    await publish(store, rowsBuild(3));
    await rollback(store, { reason: "wrong" });
    const events = await eventsOf([store]);
    expect(events).toMatchObject([
      { id: 1, type: "release.switched", store: "holdings", release: "r000001", version: 1, reason: "publish", note: "first" },
      { id: 2, type: "release.refused", build: expect.any(String), detail: expect.stringContaining("rows") },
      { id: 3, type: "build.failed", build: expect.any(String), detail: expect.stringContaining("exited with code 4") },
      { id: 4, release: "r000002", version: 2, reason: "publish", previous: { release: "r000001", version: 1 } },
      { id: 5, release: "r000001", version: 3, reason: "rollback", note: "wrong", previous: { release: "r000002", version: 2 } },
    ]);
    expect(events.filter((event) => "commit" in event)).toEqual([]);
    for (let line = 0; line <= 5; line += 1) {
      const rest = await eventsOf([store], { after: { line, foreign: undefined } });
      expect(rest).toEqual(events.slice(line));
    }
  });

  test("an id that the store does not have yet is refused: what comes would be passed over", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const after = { line: 2, foreign: undefined };
    await expect(eventsOf([store], { after })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("its last one is 0"),
    });
    await publish(store, rowsBuild(1));
    await expect(eventsOf([store], { after })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("its last one is 1"),
    });
  });

  test("a store that does not exist has no events, and none is made for it", async () => {
    const folder = join(temporaryFolder(), "none");
    expect(await eventsOf([storeIn(folder), storeIn(join(folder, "other"), { name: "other" })])).toEqual([]);
    expect(await eventsOf([], { follow: true })).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  test("broken lines are warned of with their store and number", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    appendFileSync(store.paths.history, "half a line\n");
    const warnings: string[] = [];
    const options = { onWarning: (detail: string) => void warnings.push(detail) };
    expect(idsOf(await eventsOf([store], options))).toEqual([1]);
    expect(warnings).toEqual([`holdings: line 2 of ${store.paths.history}: not whole, left out; the next writer cuts it off`]);
  });
});

describe("following", () => {
  test("publishes and a rollback of other processes are told once each, over torn ends that they cut off", async () => {
    const folder = join(temporaryFolder(), "later");
    const store = storeIn(folder);
    const watcher = follow([store]);
    const child = startOperation(
      folder,
      `
      for (const rows of [1, 2, 3]) await publish(store, rowsBuild(rows));
      return rollback(store);
    `,
    );
    await child.line("result ");
    await watcher.until(() => watcher.events.length === 4);
    for (const end of ['{"id":5,"type":"release.swi', `${"\0".repeat(64)}"}\n`]) {
      appendFileSync(store.paths.history, end);
      await startOperation(folder, "return publish(store, rowsBuild(4));").line("result ");
    }
    await watcher.until(() => watcher.events.length === 6);
    watcher.stop();
    expect(await watcher.ended).toMatchObject({ code: "INTERRUPTED" });
    expect(idsOf(watcher.events)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(watcher.events.map(({ version, reason }) => [version, reason])).toEqual(
      historyOf(folder).map(({ version, reason }) => [version, reason]),
    );
    expect(watcher.warnings).toEqual([]);
  });

  test("a switch whose publisher was killed before its line is told when the next one writes it", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const watcher = follow([store]);
    const killed = startOperation(folder, "return publish(store, rowsBuild(2));", { LOCKKEEPER_FAILPOINTS: "switch.done=kill" });
    expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
    expect(historyOf(folder)).toHaveLength(1);
    await publish(store, rowsBuild(3));
    await watcher.until(() => watcher.events.length === 3);
    expect(watcher.events.map(({ id, release }) => [id, release])).toEqual([
      [1, "r000001"],
      [2, "r000002"],
      [3, "r000003"],
    ]);
  });

  test("of several stores each is told in its own order", async () => {
    const folders = [temporaryFolder(), temporaryFolder()];
    const [one, two] = folders.map((folder, index) => storeIn(folder, { name: `store${index}` }));
    if (!one || !two) throw new Error("two stores");
    const watcher = follow([one, two]);
    await Promise.all(
      [one, two].map(async (store) => {
        for (const rows of [1, 2, 3]) await publish(store, rowsBuild(rows));
      }),
    );
    await watcher.until(() => watcher.events.length === 6);
    for (const { name } of [one, two]) {
      expect(idsOf(watcher.events.filter(({ store }) => store === name))).toEqual([1, 2, 3]);
    }
  });

  test("one that stopped goes on where it was, by the id of the last event that it had", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    const told: StoreEvent[] = [];
    for (const rows of [1, 2, 3, 4]) {
      await publish(store, rowsBuild(rows));
      const last = told.at(-1);
      const watcher = follow([store], { after: last && parseEventId(String(last.id)) });
      await watcher.until(() => watcher.events.length === 1);
      watcher.stop();
      await watcher.ended;
      told.push(...watcher.events);
    }
    expect(idsOf(told)).toEqual([1, 2, 3, 4]);
  });

  test("an abort before the first look, or between two events, ends it", async () => {
    const store = storeIn(temporaryFolder());
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    await expect(eventsOf([store], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "INTERRUPTED" });
    const controller = new AbortController();
    const events = storeEvents([store], { follow: true, signal: controller.signal });
    await events.next();
    controller.abort();
    await events.next();
    await expect(events.next()).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("switches of another program, which have no line", () => {
  test("are told as seen on the manifest, with an id that is none of a line's and that can be given back", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    await publish(store, rowsBuild(2));
    const watcher = follow([store]);
    await watcher.until(() => watcher.events.length === 2);
    for (const [count, text] of [
      '{"active": "a", "version": 1}',
      '{"active": "b", "version": 1, "lastUpdated": "2026-11-21T03:00:00Z"}',
      // The same once more is another switch, as it is to readers.
      '{"active": "b", "version": 1, "lastUpdated": "2026-11-21T03:00:00Z"}',
    ].entries()) {
      replaceManifest(folder, text);
      await watcher.until(() => watcher.events.length === 3 + count);
    }
    await adopt(store);
    await watcher.until(() => watcher.events.length === 6);
    const foreign = { type: "release.switched", store: "holdings", reason: "foreign", version: 1 };
    expect(watcher.events.slice(2)).toMatchObject([
      { ...foreign, id: expect.stringMatching(/^2\+[0-9a-f]{12}$/), release: "v1-a" },
      { ...foreign, id: expect.stringMatching(/^2\+/), release: "v1-b", time: "2026-11-21T03:00:00.000Z" },
      { ...foreign, id: expect.stringMatching(/^2\+/), release: "v1-b" },
      { id: 3, reason: "adopt", version: 3 },
    ]);
    expect(new Set(idsOf(watcher.events)).size).toBe(6);
  });

  test("the one that stands is told to whoever comes later, and not again to whoever had it", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    replaceManifest(folder, '{"active": "a", "version": 9}');
    const events = await eventsOf([store]);
    expect(events).toMatchObject([{ id: 1 }, { release: "v9-a", reason: "foreign" }]);
    const last = events[1];
    expect(await eventsOf([store], { after: parseEventId(String(last?.id)) })).toEqual([]);
    expect(await eventsOf([store], { after: { line: 1, foreign: undefined } })).toEqual([{ ...last, time: expect.any(String) }]);
    await adopt(store);
    expect(await eventsOf([store], { after: parseEventId(String(last?.id)) })).toMatchObject([{ id: 2, reason: "adopt" }]);
  });

  test("a manifest that cannot be used tells nothing, warns once, and hides no line of the history", async () => {
    const folder = temporaryFolder();
    const store = storeIn(folder);
    await publish(store, rowsBuild(1));
    const good = manifestBytes(folder);
    const watcher = follow([store]);
    await watcher.until(() => watcher.events.length === 1);
    replaceManifest(folder, '{"active": "c", "version": 2}');
    await watcher.until(() => watcher.warnings.length === 1);
    expect(watcher.warnings[0]).toMatch(/^holdings: switches of other programs are not told: .*"active" is "c"/);
    // Two lines in two looks, with the manifest as it is.
    for (const id of [2, 3]) {
      appendFileSync(
        store.paths.history,
        `${JSON.stringify({ ...historyOf(folder)[0], id, type: "build.failed", commit: undefined })}\n`,
      );
      await watcher.until(() => watcher.events.length === id);
    }
    replaceManifest(folder, good);
    await publish(store, rowsBuild(2));
    await watcher.until(() => watcher.events.length === 4);
    rmSync(join(folder, "db_manifest.json"));
    expect(idsOf(await eventsOf([store]))).toEqual([1, 2, 3, 4]);
    expect([watcher.warnings.length, idsOf(watcher.events)]).toEqual([1, [1, 2, 3, 4]]);
  });
});
