import { expect, test } from "vitest";
import { buildMessageSchema } from "../../src/model/build-message.ts";
import { lastDataLoadDate, watermarkAheadMs } from "../../src/model/watermark.ts";

const createdAt = "2026-11-21T12:00:00.000Z";
const of = (...marks: (readonly [name: string, value: string])[]) =>
  lastDataLoadDate({ createdAt, watermarks: marks.map(([name, value]) => ({ name, value })) });

test("that of the whole counts, else the newest dated one", () => {
  expect(lastDataLoadDate({ createdAt })).toEqual({ date: undefined, passedOver: [] });
  expect(of(["a", "2026-11-19"], ["b", "2026-11-20"], ["c", "2026-11-18T23:00:00Z"]).date).toBe("2026-11-20");
  expect(of(["a", "2026-11-20"], ["b", "2026-11-20T05:30:00+02:00"]).date).toBe("2026-11-20T03:30:00.000Z");
  expect(of(["a", "2026-11-20"], ["b", "2026-11-20T01:00:00+02:00"]).date).toBe("2026-11-20");
  expect(of(["a", "2026-11-20"], ["lastDataLoadDate", "2026-10-31"]).date).toBe("2026-10-31");
});

test.each([
  "48210",
  "yesterday",
  "2026-02-30",
  "2026-11-20T03:00:00",
  "2026-11-20 03:00:00Z",
  "20261120",
  "+020261-01-01",
  "2026",
])("%s is no date: it never counts", (value) => {
  expect(of(["a", value])).toEqual({ date: undefined, passedOver: [] });
  expect(of(["a", value], ["b", "2026-11-20"]).date).toBe("2026-11-20");
});

test("one from after the release is passed over and told; that of the whole is not made up for", () => {
  const edge = new Date(Date.parse(createdAt) + watermarkAheadMs).toISOString();
  expect(of(["a", edge])).toMatchObject({ date: edge, passedOver: [] });
  const ahead = new Date(Date.parse(edge) + 1).toISOString();
  expect(of(["a", ahead], ["b", "2026-11-20"])).toMatchObject({ date: "2026-11-20", passedOver: [{ name: "a", value: ahead }] });
  expect(of(["lastDataLoadDate", "9999-12-31"], ["b", "2026-11-20"])).toMatchObject({
    date: undefined,
    passedOver: [{ name: "lastDataLoadDate" }],
  });
});

test("what a message may be", () => {
  const parse = (message: object) => buildMessageSchema.safeParse({ type: "watermark", ...message });
  expect(parse({ value: "2026-11-20" }).data).toEqual({ type: "watermark", name: "lastDataLoadDate", value: "2026-11-20" });
  expect(parse({ name: "offset", value: 48210, more: 1 }).data).toEqual({ type: "watermark", name: "offset", value: "48210" });
  expect(parse({ name: "n".repeat(200), value: "v".repeat(200) }).success).toBe(true);
  const bad = [{ value: "soon" }, { value: 7 }, { name: "", value: "1" }, { name: "a", value: "" }, { name: "a" }];
  const worse = [
    { name: "a", value: null },
    { name: "n".repeat(201), value: "1" },
    { name: "a", value: "v".repeat(201) },
  ];
  for (const message of [...bad, ...worse, { name: "a", value: Number.NaN }]) {
    expect([message, parse(message).success]).toEqual([message, false]);
  }
});
