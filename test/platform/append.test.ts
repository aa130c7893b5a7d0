import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openAppended } from "../../src/platform/append.ts";
import { temporaryFolder } from "../support/temporary.ts";

it("appends to a file behind what others append meanwhile, through a link, too", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "real"), "before\n");
  symlinkSync("real", join(folder, "messages"));
  const file = openAppended(join(folder, "messages"));
  file.append("one\n");
  appendFileSync(join(folder, "real"), "another's\n");
  file.append("zwei ü\n");
  file.close();
  file.close();
  expect(readFileSync(join(folder, "real"), "utf8")).toBe("before\none\nanother's\nzwei ü\n");
  expect(() => file.append("three\n")).toThrow("was closed");
});

it("makes a missing file", () => {
  const path = join(temporaryFolder(), "messages");
  const file = openAppended(path);
  file.append("one\n");
  file.close();
  expect(readFileSync(path, "utf8")).toBe("one\n");
});

it("a missing folder, a folder and a FIFO that nobody reads are errors at once", () => {
  const folder = temporaryFolder();
  expect(() => openAppended(join(folder, "none/messages"))).toThrow(expect.objectContaining({ code: "FILE_MISSING" }));
  mkdirSync(join(folder, "folder"));
  expect(() => openAppended(join(folder, "folder"))).toThrow(expect.objectContaining({ code: "IO_FAILED" }));
  expect(spawnSync("mkfifo", [join(folder, "fifo")]).status).toBe(0);
  expect(() => openAppended(join(folder, "fifo"))).toThrow(expect.objectContaining({ code: "IO_FAILED" }));
});
