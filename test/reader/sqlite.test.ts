import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { SqliteDatabase } from "../../src/model/sqlite.ts";
import type { OpenDatabase, OpenRequest } from "../../src/reader/engine.ts";
import { openReader } from "../../src/reader/reader.ts";
import { SqliteHandles } from "../../src/reader/sqlite.ts";
import { readerTools } from "../../src/workspace/wiring.ts";
import { sqliteMissing, type WritableSqlite } from "../support/sqlite.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { HandMadeStore } from "./support/hand-made.ts";
import { readerOn, until } from "./support/real-reader.ts";
import { rejection } from "./support/rejection.ts";

let store: HandMadeStore;
beforeEach(() => {
  store = new HandMadeStore(temporaryFolder(), ["labels.db", "more/notes.sqlite", "more/labels.v2.db"]);
});

function valueIn(database: SqliteDatabase): unknown {
  return (database.prepare("SELECT n FROM t").get() as { readonly n: unknown }).n;
}

describe.skipIf(sqliteMissing !== undefined)("SQLite files of a release", () => {
  test("are read by their path, or by their name alone, and nothing appears beside them", async () => {
    const release = await store.publish();
    const reader = await readerOn(store.folder);
    for (const name of ["labels.db", "labels", "more/notes.sqlite", "notes"]) {
      expect(valueIn(await reader.sqlite(name))).toBe(1);
    }
    expect(await reader.sqlite("labels")).toBe(await reader.sqlite("labels.db"));
    expect(readdirSync(join(store.folder, "releases", release)).toSorted()).toEqual([
      "holdings.duckdb",
      "labels.db",
      "more",
      "release.json",
    ]);
    expect(readdirSync(join(store.folder, "releases", release, "more")).toSorted()).toEqual(["labels.v2.db", "notes.sqlite"]);
  });

  test("cannot be written", async () => {
    await store.publish();
    const reader = await readerOn(store.folder);
    const database = await reader.sqlite<WritableSqlite & SqliteDatabase>("labels");
    expect(() => database.exec("INSERT INTO t VALUES (2)")).toThrow(expect.objectContaining({ code: "SQLITE_READONLY" }));
  });

  test("a name that the release does not have is told, with those that it has", async () => {
    await store.publish();
    const reader = await readerOn(store.folder);
    await expect(reader.sqlite("lables.db")).rejects.toMatchObject({
      code: "FILE_MISSING",
      message: expect.stringContaining('did you mean "labels.db"?'),
      hint: "It has labels.db, more/notes.sqlite, more/labels.v2.db.",
    });
    await expect(reader.sqlite("../labels.db")).rejects.toMatchObject({ code: "FILE_MISSING" });
  });

  test("the active release is read as soon as it is active", async () => {
    await store.publish();
    const reader = await readerOn(store.folder, { pollMs: 3_600_000 });
    for (const version of [2, 3, 4]) {
      await store.publish();
      expect(valueIn(await reader.sqlite("labels"))).toBe(version);
    }
  });

  test("a borrowed release's database outlives a switch, is of the release that its queries are of, and is closed after", async () => {
    await store.publish();
    const reader = await readerOn(store.folder, { drainTimeoutMs: 3_600_000 });
    const database = await reader.borrow(async (release) => {
      const held = await release.sqlite("labels");
      await store.publish();
      expect(valueIn(await reader.sqlite("labels"))).toBe(2);
      expect([held.open, valueIn(held)]).toEqual([true, 1]);
      expect(await release.sqlite("labels.db")).toBe(held);
      expect((await release.query("SELECT n FROM t")).rows).toEqual([[1]]);
      expect(valueIn(await release.sqlite("notes"))).toBe(1);
      return held;
    });
    await until(() => reader.status().generations.length === 1);
    expect(database.open).toBe(false);
  });

  test("one that is drained for too long keeps its database until its borrower returns", async () => {
    await store.publish();
    const reader = await readerOn(store.folder, { drainTimeoutMs: 1 });
    const database = await reader.borrow(async (release) => {
      const held = await release.sqlite("labels");
      await store.publish();
      await reader.query("SELECT n FROM t");
      await until(() => reader.status().generations.length === 1);
      expect([held.open, valueIn(held)]).toEqual([true, 1]);
      await expect(release.sqlite("labels")).rejects.toMatchObject({ code: "INTERRUPTED" });
      return held;
    });
    await until(() => !database.open);
  });

  test("a borrow that is over gives none, and a closed reader has closed all", async () => {
    await store.publish();
    const reader = await readerOn(store.folder);
    const lent = await reader.borrow((release) => release);
    await expect(lent.sqlite("labels")).rejects.toMatchObject({ code: "READER_CLOSED" });
    const database = await reader.sqlite("labels");
    await reader.close();
    expect(database.open).toBe(false);
    await expect(reader.sqlite("labels")).rejects.toMatchObject({ code: "READER_CLOSED" });
  });

  test("a caller's close is made good by the next who asks", async () => {
    await store.publish();
    const reader = await readerOn(store.folder);
    (await reader.sqlite("labels")).close();
    expect(valueIn(await reader.sqlite("labels"))).toBe(1);
  });

  test("the database of a release that was replaced meanwhile is usable for the rest of the caller's turn", async () => {
    const tools = readerTools();
    let open = (): void => {};
    const asked = new Promise<void>((resolve) => (open = resolve));
    let opening = (): void => {};
    const reached = new Promise<void>((resolve) => (opening = resolve));
    const openSqlite: typeof tools.openSqlite = async (path) => {
      opening();
      await asked;
      return tools.openSqlite(path);
    };
    await store.publish();
    const engine = { ...tools.engine, open: async (request: OpenRequest) => closingAtOnce(await tools.engine.open(request)) };
    const reader = await openReader({ dir: store.folder, drainTimeoutMs: 3_600_000 }, { ...tools, engine, openSqlite });
    onTestFinished(() => reader.close());
    const reading = deep(50, () => reader.sqlite("labels"));
    await reached;
    await store.publish();
    await reader.query("SELECT n FROM t");
    await until(() => reader.status().generations[0]?.state === "draining");
    // The drain has begun to wait for its last holder.
    await new Promise((resolve) => setTimeout(resolve, 0));
    open();
    const database = await reading;
    expect([database.open, valueIn(database)]).toEqual([true, 1]);
    await until(() => !database.open);
  });

  test("a kept release is asked for by name", async () => {
    const first = await store.publish();
    await store.publish();
    const reader = await readerOn(store.folder);
    expect(await reader.borrow(async (release) => valueIn(await release.sqlite("labels")), { release: first })).toBe(1);
  });
});

/** What `action` gives, through many functions that wait for each other. */
async function deep<T>(levels: number, action: () => Promise<T>): Promise<T> {
  const value = levels === 0 ? await action() : await deep(levels - 1, action);
  return value;
}

/** A database whose close is over at once for who waits for it: nothing else then keeps the rest of a generation from being closed. */
function closingAtOnce(database: OpenDatabase): OpenDatabase {
  return {
    file: database.file,
    get inFlight() {
      return database.inFlight;
    },
    query: (sql, parameters, options) => database.query(sql, parameters, options),
    stream: (sql, parameters, options) => database.stream(sql, parameters, options),
    exportParquet: (sql, parameters, options) => database.exportParquet(sql, parameters, options),
    interrupt: () => database.interrupt(),
    close: async () => void database.close(),
  };
}

/** A database that only knows whether it is open. */
function fakeDatabase(): SqliteDatabase {
  let open = true;
  return {
    get open() {
      return open;
    },
    prepare: () => {
      throw new Error("nothing to prepare");
    },
    pragma: () => undefined,
    close: () => (open = false),
  };
}

describe("handles", () => {
  const files = [
    { name: "a/labels.db", path: "/a/labels.db" },
    { name: "b/labels.db", path: "/b/labels.db" },
  ];

  test("a file name that two files have names neither", async () => {
    const handles = new SqliteHandles("r000001", files, async () => fakeDatabase());
    await expect(handles.get("labels")).rejects.toMatchObject({
      code: "FILE_MISSING",
      message: expect.stringContaining("several"),
    });
    expect((await handles.get("a/labels.db")).open).toBe(true);
  });

  test("all who ask at once share one opening, and one that failed is tried again", async () => {
    const opened: string[] = [];
    let failures = 1;
    const handles = new SqliteHandles("r000001", files, async (path) => {
      opened.push(path);
      if (failures-- > 0) throw new Error("no");
      return fakeDatabase();
    });
    const first = await Promise.allSettled([handles.get("a/labels.db"), handles.get("a/labels.db")]);
    expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const [one, two] = await Promise.all([handles.get("a/labels.db"), handles.get("a/labels.db")]);
    expect(one).toBe(two);
    expect(opened).toEqual(["/a/labels.db", "/a/labels.db"]);
  });

  test("what is being opened while they close is closed, and not given out", async () => {
    const database = fakeDatabase();
    let finish = (): void => {};
    const handles = new SqliteHandles("r000001", files, async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return database;
    });
    const asked = handles.get("a/labels.db");
    const refused = rejection(asked);
    const closing = handles.close();
    finish();
    expect(await refused).toMatchObject({ code: "INTERRUPTED" });
    await closing;
    expect(database.open).toBe(false);
  });
});
