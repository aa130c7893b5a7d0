import { homedir } from "node:os";
import { expect, test } from "vitest";
import { machineTraces } from "./rules/machines.ts";
import { readText, repositoryFiles, root } from "./sources.ts";

const checkout = root.replace(/\/$/, "");
const resolved = "resolved";

test("no file of the repository names a path or registry of the machine it was written on", () => {
  const files = repositoryFiles().map((path) => ({ path, text: readText(path) }));
  expect(files.length).toBeGreaterThan(50);
  expect(machineTraces(files, [checkout, `${homedir()}/`])).toEqual([]);
});

test.each([
  // Put together here, or this file would break its own rule.
  [["cd ", "home", "ada", "lockkeeper"].join("/"), "a home folder"],
  [["open ", "Users", "ada", "data"].join("/"), "a home folder"],
  [`cat ${checkout}/package.json`, "the checkout"],
  [`"${resolved}": "http://127.0.0.1:4873/zod/-/zod-4.4.3.tgz"`, "a registry"],
])("%s is refused: %s", (text) => {
  expect(machineTraces([{ path: "docs/a.md", text }], [checkout])).toEqual([expect.stringContaining("docs/a.md:1: ")]);
});

test("other absolute paths are fine", () => {
  const text = `/var/lib/app /data/home/x ~/home/y "${resolved}": "https://registry.npmjs.org/zod/-/zod-4.4.3.tgz"`;
  expect(machineTraces([{ path: "docs/a.md", text }], [checkout])).toEqual([]);
});
