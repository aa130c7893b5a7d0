import { expect, test } from "vitest";
import type { RowStream } from "../../src/model/query.ts";
import { publish } from "../../src/release/publish.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { openDatabases } from "./support/descriptors.ts";
import { readerOn, until } from "./support/real-reader.ts";

const endless = "SELECT range AS n FROM range(1000000000000)";

async function countOf(stream: RowStream): Promise<number> {
  let count = 0;
  for await (const batch of stream) count += batch.length;
  return count;
}

async function published(rows: number) {
  const folder = temporaryFolder();
  const store = storeIn(folder);
  await publish(store, rowsBuild(rows));
  return { folder, store };
}

test("a stream tells its release, reads all of it after a switch, and then lets it go", async () => {
  const { folder, store } = await published(5000);
  const reader = await readerOn(folder);
  const stream = await reader.stream("FROM t");
  expect([stream.release, stream.version, stream.columns.length > 0]).toEqual(["r000001", 1, true]);
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  await publish(store, rowsBuild(7));
  expect((await reader.query("FROM t")).rows).toHaveLength(7);
  expect(reader.status().generations.map(({ release, state }) => [release, state])).toEqual([
    ["r000001", "draining"],
    ["r000002", "active"],
  ]);
  expect((first.value?.length ?? 0) + (await countOf(stream))).toBe(5000);
  await until(() => reader.status().generations.length === 1);
  expect(await countOf(await reader.stream("FROM t WHERE 1 = $1", [1]))).toBe(7);
  const named = await reader.stream("FROM t", undefined, { release: "r000002" });
  expect([named.version, await countOf(named)]).toEqual([2, 7]);
});

test("a stream whose release was drained for too long throws INTERRUPTED, and the release closes although nobody reads on", async () => {
  const { folder, store } = await published(1);
  const reader = await readerOn(folder, { drainTimeoutMs: 20 });
  const stream = await reader.stream(endless);
  await publish(store, rowsBuild(2));
  await reader.query("FROM t");
  await until(() => reader.status().generations.length === 1);
  await expect(countOf(stream)).rejects.toMatchObject({
    code: "INTERRUPTED",
    subject: "r000001",
    message: expect.stringContaining("was replaced"),
  });
});

test("reader.close() ends a stream that nobody reads, and leaves no file open", async () => {
  const { folder } = await published(1);
  const reader = await readerOn(folder, { drainTimeoutMs: 0 });
  const stream = await reader.stream(endless);
  await reader.close();
  expect(openDatabases(folder) ?? []).toEqual([]);
  await expect(countOf(stream)).rejects.toMatchObject({ code: "INTERRUPTED" });
  await expect(reader.stream("FROM t")).rejects.toMatchObject({ code: "READER_CLOSED" });
});

test("close() and leaving the loop end what holds the release", async () => {
  const { folder } = await published(1);
  const reader = await readerOn(folder, { limits: { concurrency: 1 } });
  const closed = await reader.stream(endless);
  expect(reader.status().generations[0]?.inFlightRequests).toBe(1);
  await Promise.all([closed.close(), closed.close()]);
  await expect(countOf(closed)).rejects.toMatchObject({ code: "INTERRUPTED" });
  const left = await reader.stream(endless);
  for await (const batch of left) if (batch.length > 0) break;
  expect(await countOf(left)).toBe(0);
  expect(reader.status().generations[0]?.inFlightRequests).toBe(0);
});

test("the end of a borrow closes its streams", async () => {
  const { folder } = await published(3);
  const reader = await readerOn(folder);
  const [kept, late] = await reader.borrow(async (release) => {
    expect(await countOf(await release.stream("FROM t"))).toBe(3);
    return [await release.stream(endless), release] as const;
  });
  await expect(countOf(kept)).rejects.toMatchObject({ code: "INTERRUPTED" });
  await expect(late.stream("FROM t")).rejects.toMatchObject({ code: "READER_CLOSED" });
  expect(reader.status().generations[0]?.inFlightRequests).toBe(0);
  let unawaited: Promise<RowStream> | undefined;
  await reader.borrow((release) => {
    unawaited = release.stream(endless);
  });
  await expect(unawaited).rejects.toMatchObject({ code: "READER_CLOSED" });
});

test("limits and options are those of queries", async () => {
  const { folder } = await published(100);
  const reader = await readerOn(folder, { limits: { rows: 50, timeMs: 3000, concurrency: 1 } });
  // Only the caller bounds the rows of a stream.
  await expect(reader.query("FROM t")).rejects.toMatchObject({ code: "LIMIT_ROWS" });
  expect(await countOf(await reader.stream("FROM t"))).toBe(100);
  expect(await countOf(await reader.stream("FROM t", [], { rowsMax: 500 }))).toBe(100);
  expect(await countOf(await reader.stream("FROM t LIMIT 10", [], { rowsMax: 10 }))).toBe(10);
  await expect(reader.stream("FROM t LIMIT 11", [], { rowsMax: 10 }).then(countOf)).rejects.toMatchObject({ code: "LIMIT_ROWS" });
  const stalled = await reader.stream(endless);
  expect((await reader.query("SELECT 1")).rows).toEqual([[1]]);
  await expect(countOf(stalled)).rejects.toMatchObject({ code: "LIMIT_TIME" });
  const controller = new AbortController();
  const aborted = await reader.stream(endless, [], { signal: controller.signal });
  controller.abort();
  await expect(countOf(aborted)).rejects.toMatchObject({ code: "INTERRUPTED", message: "the query was aborted" });
  const bigints = await reader.stream("SELECT 1::BIGINT", [], { values: "js" });
  for await (const batch of bigints) expect(batch).toEqual([[1n]]);
});

test("a result held whole is bounded in bytes, by the reader and by a query for less", async () => {
  const { folder } = await published(1);
  const reader = await readerOn(folder, { limits: { bytes: 2000 } });
  const ask = (length: number, bytesMax?: number) => reader.query(`SELECT repeat('x', ${length})`, [], { bytesMax });
  expect((await ask(1900)).rows[0]?.[0]).toHaveLength(1900);
  await expect(ask(2000)).rejects.toMatchObject({ code: "LIMIT_BYTES" });
  await expect(ask(2000, 5000)).rejects.toMatchObject({ code: "LIMIT_BYTES" });
  await expect(ask(1000, 500)).rejects.toMatchObject({ code: "LIMIT_BYTES" });
});

test("a borrowed release is exported to a folder of the caller's, whatever the reader's limit of rows", async () => {
  const { folder } = await published(30);
  const reader = await readerOn(folder, { limits: { rows: 20 } });
  const target = temporaryFolder();
  const kept = await reader.borrow(async (release) => {
    const file = await release.exportParquet("FROM t LIMIT $1", [5], { folder: target });
    expect(file).toMatchObject({ rows: 5, path: expect.stringMatching(/[0-9a-f]{32}\.parquet$/) });
    expect((await release.exportParquet("FROM t", [], { folder: target })).rows).toBe(30);
    await expect(release.exportParquet("FROM t", [], { folder: target, rowsMax: 29 })).rejects.toMatchObject({
      code: "LIMIT_ROWS",
    });
    return release;
  });
  await expect(kept.exportParquet("FROM t", [], { folder: target })).rejects.toMatchObject({ code: "READER_CLOSED" });
});
