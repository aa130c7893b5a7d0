import { expect, test } from "vitest";
import { openReader } from "../../src/workspace/open-reader.ts";
import { publish } from "../../src/release/publish.ts";
import { rowsBuild, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("each release is primed once, before it serves; what that throws is a warning", async () => {
  const dir = temporaryFolder();
  const store = storeIn(dir);
  await publish(store, rowsBuild(1));
  const primed: unknown[] = [];
  const warnings: string[] = [];
  let served = 0;
  const reader = await openReader({
    dir,
    prime: async (release) => {
      const { rows } = await release.query("SELECT count(*) FROM t");
      primed.push([release.version, rows[0]?.[0], served]);
      if (release.version === 2) throw new Error("not today");
    },
  });
  reader.on("warning", ({ message }) => void warnings.push(message));
  reader.on("switch", ({ version }) => (served = version));
  await publish(store, rowsBuild(2));
  const { version, rows } = await reader.query("SELECT count(*) FROM t");
  expect([version, rows]).toEqual([2, [["2"]]]);
  expect(primed).toEqual([
    [1, "1", 0],
    [2, "2", 0],
  ]);
  expect(warnings).toEqual(["release r000002 serves unprimed: not today"]);
  await reader.close();
});

test("only a function can prime", async () => {
  await expect(openReader({ dir: temporaryFolder(), prime: "SELECT 1" as never })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("prime") as string,
  });
});
