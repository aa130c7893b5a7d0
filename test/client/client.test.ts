import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createClient } from "../../src/client.ts";
import { listening, storesConfig } from "../server/support/listening.ts";

/** A `fetch` that notes each answer's status. */
function noting(): { readonly fetch: typeof fetch; readonly statuses: number[] } {
  const statuses: number[] = [];
  return {
    statuses,
    fetch: async (...given) => {
      const response = await fetch(...given);
      // A server that is still busy opening the release is asked again.
      if (response.status !== 503) statuses.push(response.status);
      return response;
    },
  };
}

describe("against a server", () => {
  test("stores, releases, tables, rows, differences and freshness", async () => {
    const { url, publish } = await listening();
    for (const rows of [3, 5]) await publish(rows);
    const client = createClient({ url });
    const store = client.store("holdings");
    expect(await client.stores()).toMatchObject([{ store: "holdings", release: "r000002", version: 2 }]);
    expect(await store.status()).toMatchObject({ store: "holdings", version: 2 });
    expect((await store.releases()).releases.map(({ release }) => release)).toEqual(["r000002", "r000001"]);
    expect(await store.release("r000001")).toMatchObject({ release: "r000001", builder: { kind: "function" } });
    expect((await store.tables()).tables).toEqual([{ schema: "main", name: "t", kind: "table", rows: 5 }]);
    expect((await store.table("t", { release: "r000001" })).rows).toBe(3);
    expect((await store.diff({ from: "r000001", to: "r000002" })).tables).toMatchObject([{ name: "t", change: "changed" }]);
    const { rows: values, version } = await store.rows("t", { select: ["n"], where: { n: { gt: 2 }, name: { ne: "row 4" } } });
    expect([values, version]).toEqual([[["3"], ["4"]], 2]);
    const { rows: objects } = await store.rows("t", { sort: ["-n"], limit: 1, shape: "objects" });
    expect(objects[0]?.["name"]).toBe("row 4");
    expect(await client.freshness()).toMatchObject({ dbVersion: 2, servingVersion: 2 });
  });

  test("all rows come from one release, whatever is published meanwhile; gone is thrown", async () => {
    const { url, publish, workspace } = await listening(storesConfig().replace("keep = 20", "keep = 1"));
    await publish(5);
    const store = createClient({ url }).store("holdings");
    const numbers: unknown[] = [];
    const releases = new Set<string>();
    for await (const page of store.allRows("t", { select: ["n"], limit: 2 })) {
      if (numbers.length === 0) await publish(9);
      numbers.push(...page.rows.flat());
      releases.add(page.release);
    }
    expect([numbers, [...releases]]).toEqual([["1", "2", "3", "4", "5"], ["r000001"]]);
    const pages = store.allRows("t", { limit: 2, shape: "objects" });
    expect((await pages.next()).value?.release).toBe("r000002");
    for (const rows of [1, 2, 3]) await publish(rows);
    expect((await store.rows("t")).release).toBe("r000005");
    // The server lets go of what it does not serve any more in its own time.
    const isKept = async () => (await store.releases()).releases.some(({ release }) => release === "r000002");
    while (await isKept()) await workspace.prune("holdings");
    await expect(pages.next()).rejects.toMatchObject({ code: "PAGE_GONE", status: 410 });
  });

  test("what is still the answer is not sent again", async () => {
    const { url, publish } = await listening();
    await publish(3);
    const { fetch: ask, statuses } = noting();
    const store = createClient({ url, fetch: ask }).store("holdings");
    const first = await store.rows("t");
    const second = await store.rows("t");
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    await publish(4);
    expect((await store.rows("t")).rows).toHaveLength(4);
    expect(statuses).toEqual([200, 304, 200]);
    const forgetful = createClient({ url, fetch: ask, cacheBytes: 0 }).store("holdings");
    await forgetful.rows("t");
    await forgetful.rows("t");
    expect(statuses.slice(3)).toEqual([200, 200]);
  });

  test("named queries", async () => {
    const config = storesConfig().replace("retention", 'queries = "*.sql"\nretention');
    const sql = "-- param least: integer = 4\nSELECT n FROM t WHERE n >= $least ORDER BY n";
    const { url, publish } = await listening(config, { "above.sql": sql });
    await publish(5);
    const store = createClient({ url }).store("holdings");
    expect(await store.queries()).toMatchObject([{ name: "above", parameters: [{ name: "least", required: false }] }]);
    expect((await store.query("above")).rows).toEqual([["4"], ["5"]]);
    expect((await store.query("above", { least: 5 }, { shape: "objects" })).rows).toEqual([{ n: "5" }]);
    await expect(store.query("below")).rejects.toMatchObject({ code: "QUERY_UNKNOWN", status: 404 });
  });

  test("rollback, once, from the version that was seen", async () => {
    const hash = createHash("sha256").update("an-admin-token").digest("hex");
    const token = `[[tokens]]\nname = "admin"\nlevel = "admin"\nsha256 = "${hash}"\n`;
    const { url, publish } = await listening(storesConfig(["holdings"], token));
    for (const rows of [3, 5]) await publish(rows);
    const store = createClient({ url, token: "an-admin-token" }).store("holdings");
    const order = { reason: "wrong rows", ifVersion: 2, idempotencyKey: "once" };
    const done = await store.rollback(order);
    expect(done).toMatchObject({ store: "holdings", release: "r000001", version: 3 });
    expect(await store.rollback(order)).toEqual(done);
    await expect(store.rollback({ ...order, idempotencyKey: undefined })).rejects.toMatchObject({
      code: "VERSION_CHANGED",
      status: 412,
    });
    expect((await store.rows("t")).version).toBe(3);
    await expect(createClient({ url }).store("holdings").rows("t")).rejects.toMatchObject({
      code: "TOKEN_REFUSED",
      status: 401,
      hint: expect.stringContaining("Bearer"),
    });
  });

  test.each([
    ["TABLE_UNKNOWN", 404, (url: string) => createClient({ url }).store("holdings").rows("none")],
    ["STORE_UNKNOWN", 404, (url: string) => createClient({ url }).store("none").tables()],
    ["RELEASE_UNKNOWN", 404, (url: string) => createClient({ url }).store("holdings").release("r000009")],
    ["REQUEST_INVALID", 400, (url: string) => createClient({ url }).store("holdings").rows("t", { limit: 0 })],
  ])("%s", async (code, status, ask) => {
    const { url, publish } = await listening();
    await publish(1);
    await expect(ask(url)).rejects.toMatchObject({ name: "LockkeeperHttpError", code, status });
  });
});
