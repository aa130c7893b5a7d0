import fc from "fast-check";
import { expect, it } from "vitest";
import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { countValue, exceptionOf, pipesLine, textValue } from "../../../src/model/dagster/messages.ts";

it("a message is one line of ASCII that reads as what it was", () => {
  const property = fc.property(fc.string({ unit: "binary" }), (message) => {
    const line = pipesLine({ method: "log", params: { message, level: "INFO" } });
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(line)).toEqual({ __dagster_pipes_version: "0.1", method: "log", params: { message, level: "INFO" } });
  });
  fc.assert(property);
});

it("half a surrogate pair, which Python cannot write as UTF-8, is replaced", () => {
  const line = pipesLine({ method: "log", params: { message: "a\ud800b 😀", level: "INFO" } });
  expect(JSON.parse(line)).toMatchObject({ params: { message: "a\ufffdb 😀" } });
});

it("numbers are whole, long texts are cut", () => {
  expect(countValue(12.6)).toEqual({ type: "int", raw_value: 13 });
  expect(textValue("x".repeat(10_001)).raw_value).toBe(`${"x".repeat(10_000)}…`);
});

it("an exception has its code, its message and what to do; all that Dagster asks for", () => {
  const error = new LockkeeperError("BUILD_FAILED", "it ended with 4", { hint: "Look at the log." });
  expect(exceptionOf(error)).toEqual({
    name: "BUILD_FAILED",
    message: "BUILD_FAILED: it ended with 4\nLook at the log.\n",
    stack: [],
    cause: null,
    context: null,
  });
  expect(exceptionOf(new LockkeeperError("BUG", "x")).message).toBe("BUG: x\n");
  expect(exceptionOf(new TypeError("x is undefined\nat y"))).toMatchObject({
    name: "BUG",
    message: "BUG: unexpected: x is undefined\n",
  });
});
