import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { pruneResultSchema, releaseResultSchema, releasesResultSchema } from "../../src/model/results.ts";
import { publish } from "../../src/release/publish.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { errorOf, jsonOf, runCli, workspaceFolder } from "./support/cli.ts";

const word = <Name extends string>(name: Name) => ({ schema: z.literal(`lockkeeper/${name}@1` as const) });
const releasesDocument = releasesResultSchema.extend(word("releases"));
const releaseDocument = releaseResultSchema.extend(word("release"));
const pruneDocument = pruneResultSchema.extend(word("prune"));

/** A workspace whose store `holdings` has release folders, and so many releases. */
async function workspaceWith(count: number, keep = 10): Promise<string> {
  const cwd = workspaceFolder();
  const config = join(cwd, "lockkeeper.toml");
  writeFileSync(config, readFileSync(config, "utf8").replace('layout = "slots"', 'layout = "releases"'));
  appendFileSync(config, `retention = { keep = ${keep}, within = "0s" }\n`);
  const store = storeIn(join(cwd, "data"), { layout: "releases", retention: { keep: 10 } });
  for (let rows = 1; rows <= count; rows += 1) await publish(store, rowsBuild(rows));
  return cwd;
}

it("list, show, pin, unpin and prune agree with each other, as documents and as text", async () => {
  const cwd = await workspaceWith(4, 1);
  const listed = releasesDocument.parse((await jsonOf(["releases", "list", "holdings"], { cwd })).document);
  expect(listed.releases.map(({ release, state, version }) => [release, state, version])).toEqual([
    ["r000004", "active", 4],
    ["r000003", "kept", 3],
    ["r000002", "kept", 2],
    ["r000001", "kept", 1],
  ]);
  const pin = ["releases", "pin", "holdings", "r000001", "--reason", "audit of March", "--until", "2999-01-01"];
  const pinned = releaseDocument.parse((await jsonOf(pin, { cwd })).document);
  expect(pinned).toMatchObject({
    release: "r000001",
    state: "kept",
    pins: [{ reason: "audit of March", until: "2999-01-01T00:00:00.000Z" }],
  });
  const planned = pruneDocument.parse((await jsonOf(["releases", "prune", "holdings", "--dry-run"], { cwd })).document);
  expect(planned).toMatchObject({ outcome: "planned", removed: [{ release: "r000002", reason: "beyond the newest 1" }] });
  expect(existsSync(join(cwd, "data/releases/r000002"))).toBe(true);
  const text = await runCli(["releases", "prune", "holdings"], { cwd });
  expect(text).toMatchObject({ code: 0, stderr: "" });
  expect(text.stdout).toContain("holdings: removed 1 release");
  expect(text.stdout).toContain("r000001  pinned: audit of March");
  expect(existsSync(join(cwd, "data/releases/r000002"))).toBe(false);
  const shown = await runCli(["releases", "show", "holdings", "r000001"], { cwd });
  expect(shown.stdout).toContain("pinned until 2999-01-01T00:00:00.000Z: audit of March");
  expect(shown.stdout).toContain("main.t");
  expect(releaseDocument.parse((await jsonOf(["releases", "unpin", "holdings", "r000001"], { cwd })).document).pins).toEqual([]);
  const again = await runCli(["releases", "unpin", "holdings", "r000001"], { cwd });
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("r000001 was not pinned") });
  const listing = await runCli(["releases", "list", "holdings"], { cwd });
  const [head = "", first = ""] = listing.stdout.split("\n");
  expect(head).toMatch(/^release +version +state +created +size +readers$/);
  expect(first).toMatch(process.platform === "linux" ? /^r000004 +4 +active +\d{4}-.* 0$/ : /^r000004 +4 +active +\d{4}-.* -$/);
});

it("rollback goes back by switches and by name, and check and query follow", async () => {
  const cwd = await workspaceWith(3);
  expect((await jsonOf(["rollback", "holdings", "--steps", "2"], { cwd })).document).toMatchObject({
    release: "r000001",
    version: 4,
  });
  expect((await jsonOf(["query", "holdings", "SELECT count(*)::INT FROM t"], { cwd })).document).toMatchObject({ rows: [[1]] });
  expect((await jsonOf(["check", "holdings", "--release", "r000003"], { cwd })).document).toMatchObject({ release: "r000003" });
  expect((await jsonOf(["path", "holdings"], { cwd })).document).toMatchObject({
    files: [join(cwd, "data/releases/r000001/DB.duckdb")],
  });
  expect((await jsonOf(["status"], { cwd })).document).toMatchObject({
    stores: [{ status: "pass", release: "r000001", active: "r000001" }],
  });
});

it.each([
  { words: ["show", "holdings", "r000009"], error: { exit: 10, code: "RELEASE_UNKNOWN" }, hint: "r000002" },
  { words: ["pin", "holdings", "r000001", "--reason", " "], error: { exit: 2, code: "USAGE" }, hint: "Say why" },
  { words: ["pin", "holdings", "r000001"], error: { exit: 2, code: "USAGE" }, hint: "--help" },
  {
    words: ["pin", "holdings", "r000001", "--reason", "x", "--until", "soon"],
    error: { exit: 2, code: "USAGE", subject: "--until" },
  },
  {
    words: ["pin", "holdings", "r000001", "--reason", "x", "--until", "2020-01-01"],
    error: { exit: 2, code: "USAGE" },
    hint: "future",
  },
  { words: ["list", "holding"], error: { exit: 10, code: "STORE_UNKNOWN" }, hint: "holdings" },
  { words: ["prune"], error: { exit: 2, code: "USAGE" }, hint: "--help" },
])("releases $words ends with $error.exit, and says what to do", async ({ words, error, hint }) => {
  const cwd = await workspaceWith(2);
  const found = await errorOf(["releases", ...words], { cwd });
  expect(found).toMatchObject(error);
  expect(JSON.stringify(found["hint"] ?? "")).toContain(hint ?? "");
});
