import { expect, test } from "vitest";
import { Latch } from "../../../src/server/alarms/latch.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 21, 3, 0, seconds));
const warn = { level: "warn", detail: "w" } as const;
const fail = { level: "fail", detail: "f" } as const;

test("two looks in a row raise, two clear; one alone does neither", () => {
  const latch = new Latch();
  expect(latch.see(warn, at(1))).toBeUndefined();
  expect(latch.see(undefined, at(2))).toBeUndefined();
  expect(latch.see(warn, at(3))).toBeUndefined();
  expect(latch.held).toBeUndefined();
  expect(latch.see(warn, at(4))).toEqual({ kind: "raised", trouble: { ...warn, since: at(3) } });
  expect(latch.see(undefined, at(5))).toBeUndefined();
  expect(latch.see({ ...warn, detail: "other" }, at(6))).toBeUndefined();
  expect(latch.held).toEqual({ level: "warn", detail: "other", since: at(3) });
  expect(latch.see(undefined, at(7))).toBeUndefined();
  expect(latch.see(undefined, at(8))).toEqual({ kind: "cleared", trouble: { level: "warn", detail: "other", since: at(3) } });
  expect(latch.held).toBeUndefined();
  expect(latch.see(undefined, at(9))).toBeUndefined();
});

test("another level is told again and keeps the beginning; between two levels nothing is cleared", () => {
  const latch = new Latch();
  latch.see({ ...warn, since: at(0) }, at(1));
  expect(latch.see({ ...warn, since: at(0) }, at(2))).toMatchObject({ kind: "raised", trouble: { since: at(0) } });
  expect(latch.see(fail, at(3))).toBeUndefined();
  expect(latch.see(undefined, at(4))).toBeUndefined();
  expect(latch.see(fail, at(5))).toBeUndefined();
  expect(latch.held?.level).toBe("warn");
  expect(latch.see(fail, at(6))).toEqual({ kind: "raised", trouble: { ...fail, since: at(0) } });
});
