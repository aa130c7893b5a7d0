import { describe, expect, test } from "vitest";
import { createClient, LockkeeperHttpError } from "../../src/client.ts";
import { busy, json, scripted } from "./scripted.ts";

const rows = { columns: [], rows: [], release: "r000001", version: 1 };

describe("addresses", () => {
  test("say what was asked for, below the client's own", async () => {
    const { url, requests } = await scripted(json(rows));
    const store = createClient({ url, token: "secret" }).store("holdings");
    await store.rows("main.a/b", {
      select: ["n", 'a "b", c', "-x"],
      sort: ["-n", "two words"],
      where: {
        n: { ge: 1, lt: 10n, ne: undefined },
        name: "x y",
        at: new Date(0),
        flag: { in: [true, false] },
        gone: { is: "null" },
      },
      limit: 5,
      shape: "objects",
    });
    await store.query("top", { cik: 7, names: ["a", "b"], left: undefined }, { release: "r000001" });
    const [first, second] = requests.map(({ url: path }) => new URL(path ?? "", url));
    expect(first?.pathname).toBe("/data/v1/stores/holdings/tables/main.a%2Fb/rows");
    expect([...(first?.searchParams ?? [])]).toEqual([
      ["select", 'n,"a ""b"", c","-x"'],
      ["sort", '-n,"two words"'],
      ["limit", "5"],
      ["shape", "objects"],
      ["where.n.ge", "1"],
      ["where.n.lt", "10"],
      ["where.name.eq", "x y"],
      ["where.at.eq", "1970-01-01T00:00:00.000Z"],
      ["where.flag.in", "true"],
      ["where.flag.in", "false"],
      ["where.gone.is", "null"],
    ]);
    expect(second?.pathname).toBe("/data/v1/stores/holdings/queries/top");
    expect([...(second?.searchParams ?? [])]).toEqual([
      ["cik", "7"],
      ["names", "a"],
      ["names", "b"],
      ["release", "r000001"],
    ]);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer secret", "Bearer secret"]);
  });

  test("one that is none is refused", () => {
    expect(() => createClient({ url: "data" })).toThrow(TypeError);
  });
});

describe("a server that is busy", () => {
  test("is asked again when it says", async () => {
    const { url, requests } = await scripted(busy(), busy({ "Retry-After": "0" }, 429), json({ stores: [] }));
    expect(await createClient({ url }).stores()).toEqual([]);
    expect(requests).toHaveLength(3);
  });

  test("three times, then its answer is thrown", async () => {
    const { url, requests } = await scripted(busy());
    const error = await createClient({ url })
      .stores()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockkeeperHttpError);
    expect(error).toMatchObject({
      code: "OVERLOADED",
      status: 503,
      message: "busy",
      hint: "Ask again shortly.",
      retryAfterMs: 0,
    });
    expect(requests).toHaveLength(3);
  });

  test.each([
    ["without Retry-After", busy({}), undefined],
    ["for longer than one waits", busy({ "Retry-After": "3600" }), 3_600_000],
    ["for good", busy({ "Retry-After": "0" }, 500), 0],
  ])("%s is asked once", async (_, step, retryAfterMs) => {
    const { url, requests } = await scripted(step);
    await expect(createClient({ url }).stores()).rejects.toMatchObject({ code: "OVERLOADED", retryAfterMs });
    expect(requests).toHaveLength(1);
  });

  test("the wait ends when the caller goes", async () => {
    const { url, requests } = await scripted(busy({ "Retry-After": "9" }));
    const caller = new AbortController();
    const asking = createClient({
      url,
      fetch: async (...given) => {
        const response = await fetch(...given);
        setImmediate(() => caller.abort(new Error("gone")));
        return response;
      },
    }).stores({ signal: caller.signal });
    await expect(asking).rejects.toThrow("gone");
    expect(requests).toHaveLength(1);
  });

  test("a rollback is sent once, with a key of its own and the version", async () => {
    const { url, requests } = await scripted(busy());
    const store = createClient({ url }).store("s");
    for (const _ of [1, 2]) {
      await expect(store.rollback({ reason: "test", ifVersion: 42 })).rejects.toMatchObject({ status: 503 });
    }
    await expect(store.rollback({ reason: "test", ifVersion: 42, idempotencyKey: "k" })).rejects.toMatchObject({ status: 503 });
    const sent = requests.map(({ method, headers }) => [method, headers["if-match"]]);
    expect(sent).toEqual(Array.from({ length: 3 }, () => ["POST", '"42"']));
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    expect([new Set(keys).size, keys[2]]).toEqual([3, "k"]);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test("an answer that is not the server's own is an error by its status", async () => {
  const { url } = await scripted((response) => {
    response.writeHead(502, { "Content-Type": "text/html" });
    response.end("<h1>Bad Gateway</h1>");
  });
  await expect(createClient({ url }).stores()).rejects.toMatchObject({
    code: "HTTP_502",
    status: 502,
    message: "the answer is 502",
  });
});

test("an answer that never comes ends with the time, and with the caller", async () => {
  const { url } = await scripted(() => undefined);
  await expect(createClient({ url, timeoutMs: 20 }).stores()).rejects.toMatchObject({ name: "TimeoutError" });
  await expect(createClient({ url }).stores({ timeoutMs: 20 })).rejects.toMatchObject({ name: "TimeoutError" });
  await expect(createClient({ url }).stores({ signal: AbortSignal.abort(new Error("gone")) })).rejects.toThrow("gone");
});

describe("Min-Version", () => {
  const minVersions = async (minVersion?: boolean) => {
    const at = (version: number) => json(rows, { "Data-Version": String(version) });
    const { url, requests } = await scripted(at(3), at(2), at(5), at(5), at(1), at(1));
    const client = createClient({ url, minVersion });
    await client.store("a").tables();
    await client.store("a").tables();
    await client.store("a").rows("t");
    await client.store("a").rows("t", { page: "p" });
    await client.store("a").rows("t", { release: "r000001" });
    await client.store("b").rows("t");
    await client.store("a").table("t");
    return requests.map(({ headers }) => headers["min-version"]);
  };

  test("is the highest version that a store's answers had; what names its release may be older", async () => {
    expect(await minVersions()).toEqual([undefined, "3", "3", undefined, undefined, undefined, "5"]);
  });

  test("is not sent where it is turned off", async () => {
    expect(await minVersions(false)).toEqual(Array.from({ length: 7 }, () => undefined));
  });
});
