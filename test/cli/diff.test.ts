import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { diffResultSchema, type DiffResult } from "../../src/model/diff.ts";
import { publish } from "../../src/release/publish.ts";
import type { BuildSource } from "../../src/release/store.ts";
import { storeIn, writeDatabase } from "../support/store.ts";
import { errorOf, jsonOf, runCli, workspaceFolder } from "./support/cli.ts";

const document = diffResultSchema.extend({ schema: z.literal("lockkeeper/diff@1") });

function build(...statements: string[]): BuildSource {
  return { kind: "function", build: ({ path }) => writeDatabase(path, ...statements) };
}

const changesOf = ({ tables }: DiffResult) =>
  Object.fromEntries(tables.map(({ schema, name, change, differs }) => [`${schema}.${name}`, [change, ...differs].join(" ")]));

it("diff tells what changed, table by table, between the last two releases, any two, and a refused build", async () => {
  const cwd = workspaceFolder();
  const store = storeIn(join(cwd, "data"), {
    checks: [{ check: "rows", severity: "error", table: "grown", max: 3 }],
  });
  const unchanged = "CREATE TABLE unchanged AS SELECT range AS n FROM range(1000)";
  await publish(
    store,
    build(
      unchanged,
      "CREATE TABLE edited AS SELECT range AS n FROM range(1000)",
      "CREATE TABLE grown AS SELECT 1::BIGINT AS n",
      "CREATE TABLE dropped AS SELECT 1 AS n",
      "CREATE TABLE reshaped (a INTEGER, b INTEGER, c INTEGER)",
      "CREATE VIEW v AS SELECT n FROM grown",
    ),
  );
  const only = await errorOf(["releases", "diff", "holdings"], { cwd });
  expect(only).toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10, hint: expect.stringContaining("Name the release") });
  const second = [
    `${unchanged} ORDER BY n DESC`,
    "CREATE TABLE edited AS SELECT CASE WHEN range = 500 THEN -1 ELSE range END AS n FROM range(1000)",
    "CREATE TABLE added AS SELECT 1 AS n",
    "CREATE TABLE reshaped (b BIGINT NOT NULL, c INTEGER, d INTEGER)",
  ];
  await publish(
    store,
    build(...second, "CREATE TABLE grown AS SELECT range AS n FROM range(2)", "CREATE VIEW v AS SELECT n + 1 AS n FROM grown"),
  );
  const refused = await publish(store, build(...second, "CREATE TABLE grown AS SELECT range AS n FROM range(5)"));
  expect(refused).toMatchObject({ outcome: "refused" });

  const diff = document.parse((await jsonOf(["releases", "diff", "holdings"], { cwd })).document);
  expect(diff).toMatchObject({ from: { release: "r000001", version: 1 }, to: { release: "r000002", version: 2 } });
  expect(changesOf(diff)).toEqual({
    "main.added": "added",
    "main.dropped": "removed",
    "main.edited": "changed content",
    "main.grown": "changed rows",
    "main.reshaped": "changed columns",
    "main.unchanged": "same",
    "main.v": "changed definition",
  });
  expect(diff.tables.find(({ name }) => name === "grown")?.rows).toEqual([1, 2]);
  expect(diff.tables.find(({ name }) => name === "reshaped")?.columns).toEqual([
    { name: "b", change: "changed", types: ["INTEGER", "BIGINT NOT NULL"] },
    { name: "c", change: "same", types: ["INTEGER", "INTEGER"] },
    { name: "d", change: "added", types: [null, "INTEGER"] },
    { name: "a", change: "removed", types: ["INTEGER", null] },
  ]);
  const back = document.parse((await jsonOf(["releases", "diff", "holdings", "r000002", "r000001"], { cwd })).document);
  expect(changesOf(back)).toMatchObject({ "main.added": "removed", "main.dropped": "added", "main.unchanged": "same" });
  const quarantined = document.parse(
    (await jsonOf(["releases", "diff", "holdings", "r000002", refused.build ?? ""], { cwd })).document,
  );
  expect(quarantined.to).toEqual({ release: refused.build });
  expect(changesOf(quarantined)).toMatchObject({ "main.grown": "changed rows", "main.edited": "same", "main.v": "removed" });

  const text = await runCli(["releases", "diff", "holdings", "r000001"], { cwd });
  expect(text).toMatchObject({ code: 0, stderr: "" });
  expect(text.stdout).toContain("holdings: r000001 (version 1) against r000002 (version 2)");
  expect(text.stdout).toMatch(/changed +main\.grown +rows +1 → 2/);
  expect(text.stdout).toContain("main.reshaped.b  changed  INTEGER → BIGINT NOT NULL");
  expect(text.stdout).toContain("1 table the same");
  for (const wrong of ["r000009", "../data", "0123456789ab"]) {
    expect(await errorOf(["releases", "diff", "holdings", wrong], { cwd })).toMatchObject({ code: "RELEASE_UNKNOWN", exit: 10 });
  }
});
