import { constants } from "node:os";
import { expect, test } from "vitest";
import { errnoOf, ioError } from "../../src/platform/io-error.ts";

/** As Node throws an error of the system that libuv has no name for. */
function unnamed(number: number): Error {
  const code = `Unknown system error -${number}`;
  return Object.assign(new Error(`${code}: ${code}, open '/f'`), { code, errno: -number });
}

test("an error of the system that Node has no name for is named by the system's own table", () => {
  expect(ioError(unnamed(constants.errno.EDQUOT), "open", "/f")).toMatchObject({
    code: "DISK_FULL",
    message: "cannot open /f: EDQUOT",
  });
  expect(ioError(unnamed(99_999), "open", "/f")).toMatchObject({ code: "IO_FAILED" });
});

test("anything else has the code that it carries, or none", () => {
  expect([
    errnoOf(Object.assign(new Error("full"), { code: "ENOSPC" })),
    errnoOf(new Error("plain")),
    errnoOf(undefined),
  ]).toEqual(["ENOSPC", undefined, undefined]);
});
