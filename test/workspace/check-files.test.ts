import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/workspace/config-file.ts";
import { temporaryFolder } from "../support/temporary.ts";

const store = `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\nlayout = "slots"\n`;

/** A configuration in a folder of its own, with files beside it. */
function workspaceWith(checks: string, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "lockkeeper.toml"), `${store}checks = [${checks}]\n`);
  return folder;
}

test("the text of a sql check's file is in its query, the file relative to the configuration", async () => {
  const folder = workspaceWith(`{ check = "tables", names = ["t"] }, { check = "sql", file = "no_negative.sql" }`, {
    "no_negative.sql": "SELECT * FROM t WHERE n < 0;\n",
  });
  const { config } = await loadConfig({ config: join(folder, "lockkeeper.toml") });
  expect(config.stores["holdings"]?.checks).toEqual([
    { check: "tables", severity: "error", names: ["t"] },
    { check: "sql", severity: "error", file: "no_negative.sql", query: "SELECT * FROM t WHERE n < 0;\n" },
  ]);
});

test.each<[string, (folder: string) => void, string]>([
  ["is missing", () => {}, "no_negative.sql does not exist"],
  ["is misspelt", (folder) => writeFileSync(join(folder, "no_negatives.sql"), "SELECT 1"), 'did you mean "no_negatives.sql"?'],
  ["is empty", (folder) => writeFileSync(join(folder, "no_negative.sql"), " \n"), "is empty; write one SELECT"],
  ["is a folder", (folder) => mkdirSync(join(folder, "no_negative.sql")), "is not a regular file"],
  ["is a link to itself", (folder) => symlinkSync("no_negative.sql", join(folder, "no_negative.sql")), "leads back to itself"],
  [
    "is not text",
    (folder) => writeFileSync(join(folder, "no_negative.sql"), Buffer.from([0xff, 0xfe, 0x00])),
    "is not text in UTF-8",
  ],
  ["holds a NUL", (folder) => writeFileSync(join(folder, "no_negative.sql"), "SELECT 1\0"), "NUL"],
  ["is too large", (folder) => writeFileSync(join(folder, "no_negative.sql"), " ".repeat(100_001)), "at most 100000 are read"],
])("a file that %s is CONFIG_INVALID, with the key's path", async (_, make, text) => {
  const folder = workspaceWith(`{ check = "sql", file = "no_negative.sql" }`);
  make(folder);
  await expect(loadConfig({ config: join(folder, "lockkeeper.toml") })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    exit: 2,
    subject: "stores.holdings.checks[0].file",
    message: expect.stringContaining(text),
  });
});

test("all files are told, not only the first", async () => {
  const folder = workspaceWith(
    `{ check = "sql", file = "a.sql" }, { check = "sql", query = "SELECT 1" }, { check = "sql", file = "b.sql" }`,
  );
  await expect(loadConfig({ config: join(folder, "lockkeeper.toml") })).rejects.toMatchObject({
    findings: [{ subject: "stores.holdings.checks[0].file" }, { subject: "stores.holdings.checks[2].file" }],
  });
});

test.skipIf(process.getuid?.() === 0)("a file that this user may not read", async () => {
  const folder = workspaceWith(`{ check = "sql", file = "a.sql" }`, { "a.sql": "SELECT 1" });
  chmodSync(join(folder, "a.sql"), 0);
  await expect(loadConfig({ config: join(folder, "lockkeeper.toml") })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
