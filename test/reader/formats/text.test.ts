import { expect, test } from "vitest";
import { csv } from "../../../src/reader/formats/csv.ts";
import type { RowSource } from "../../../src/reader/formats/format.ts";
import { json } from "../../../src/reader/formats/json.ts";
import { ndjson } from "../../../src/reader/formats/ndjson.ts";
import { joined, rowsOf, sample, textOf } from "./support.ts";

const odd = `SELECT 1 AS a, 2 AS a, 3 AS "__proto__", 4 AS "a:1", 5 AS "q""\n,"`;

test("names: duplicates are numbered in objects, and __proto__ stays a column", async () => {
  const database = await sample();
  const object = '{"a":1,"a:2":2,"__proto__":3,"a:1":4,"q\\"\\n,":5}';
  expect(await textOf(database, odd, { format: ndjson })).toBe(`${object}\n`);
  const shaped = await textOf(database, odd, { format: json, shape: "objects" });
  expect(shaped.slice(shaped.indexOf('"rows"'))).toBe(`"rows":[${object}]}\n`);
  expect(await textOf(database, odd, { format: csv })).toBe('a,a,__proto__,a:1,"q""\n,"\r\n1,2,3,4,5\r\n');
});

test("no rows: an empty list, no line, the header alone", async () => {
  const database = await sample();
  const none = "SELECT n FROM t WHERE n < 0";
  expect(await textOf(database, none, { format: json })).toBe('{"columns":[{"name":"n","type":"BIGINT"}],"rows":[]}\n');
  expect(await textOf(database, none, { format: ndjson })).toBe("");
  expect(await textOf(database, none, { format: csv })).toBe("n\r\n");
});

test("a JSON document takes more members, before the rows and after the last one", async () => {
  const source = rowsOf({ n: "INTEGER" }, [[1], [2]], [[3]]);
  let asked = 0;
  const text = await joined(
    json.encode(source, {
      members: { release: "r000001", version: 1, none: undefined },
      lastMembers: () => ({ next: `page ${(asked += 1)}` }),
    }),
  );
  expect(JSON.parse(text)).toEqual({
    columns: [{ name: "n", type: "INTEGER" }],
    release: "r000001",
    version: 1,
    rows: [[1], [2], [3]],
    next: "page 1",
  });
});

test("CSV guards against formulas on request: texts and names, not numbers", async () => {
  const types = { "=n": "INTEGER", s: "VARCHAR", f: "DOUBLE", d: "DECIMAL(9,2)", b: "BIGINT", e: "ENUM('=1')", t: "DATE" };
  const rows = [
    [-1, "=1+1", "-Infinity", "-0.50", "-7", "=1", "-infinity"],
    [1, "-x", -0, "1.00", "7", null, "2026-01-31"],
    [1, "@a", 1, "1.00", "7", "x", "infinity"],
    [1, "+a", 1, "1.00", "7", "x", "infinity"],
    [1, "\tb", 1, "1.00", "7", "x", "infinity"],
    [1, "\rc", 1, "1.00", "7", "x", "infinity"],
    [1, "a=1", 1, "1.00", "7", "", "infinity"],
  ];
  expect(await joined(csv.encode(rowsOf(types, rows), { guardFormulas: true }))).toBe(
    [
      "'=n,s,f,d,b,e,t",
      "-1,'=1+1,-Infinity,-0.50,-7,'=1,'-infinity",
      "1,'-x,-0,1.00,7,,2026-01-31",
      "1,'@a,1,1.00,7,x,infinity",
      "1,'+a,1,1.00,7,x,infinity",
      "1,'\tb,1,1.00,7,x,infinity",
      `1,"'\rc",1,1.00,7,x,infinity`,
      '1,a=1,1,1.00,7,"",infinity',
      "",
    ].join("\r\n"),
  );
  expect(await joined(csv.encode(rowsOf({ s: "VARCHAR" }, [["=1"]])))).toBe("s\r\n=1\r\n");
});

test("pieces are about 64 KiB, whatever the batches are, and nothing is read ahead", async () => {
  for (const format of [json, ndjson, csv]) {
    let batches = 0;
    const source: RowSource = {
      columns: [{ name: "s", type: "VARCHAR" }],
      async *[Symbol.asyncIterator]() {
        for (; batches < 500; batches += 1) yield await Promise.resolve([["x".repeat(1000)], ["y".repeat(1000)]]);
      },
    };
    const lengths: number[] = [];
    for await (const piece of format.encode(source)) {
      lengths.push(piece.length);
      expect(batches).toBeLessThanOrEqual(lengths.length * 40);
    }
    expect(lengths.length).toBeGreaterThan(10);
    for (const length of lengths.slice(0, -1)) expect(Math.abs(length - 66_000)).toBeLessThan(1500);
  }
});

test("FACTS 1.7: rows that break off end no document, and who stops early closes the stream", async () => {
  const database = await sample();
  const late = "SELECT CASE WHEN range = 999999 THEN 'x' ELSE '1' END::INTEGER AS n FROM range(1000000)";
  for (const format of [json, ndjson, csv]) {
    let text = "";
    const source = await database.stream(late, undefined, { values: "exact" });
    const reading = (async () => {
      for await (const piece of format.encode(source)) text += piece;
    })();
    await expect(reading).rejects.toMatchObject({ code: "QUERY_FAILED" });
    expect(text.endsWith("]}\n")).toBe(false);
    const endless = await database.stream("FROM range(1000000000000)", undefined, { values: "exact" });
    for await (const piece of format.encode(endless)) if (piece !== "") break;
    await endless.ended;
  }
  expect(database.inFlight).toBe(0);
});
