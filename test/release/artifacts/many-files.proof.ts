import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import type { BuildContext } from "../../../src/release/store.ts";
import { readerOn } from "../../reader/support/real-reader.ts";
import { manifestBytes } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { martBuild, storeOf } from "./support.ts";

test(
  "ten thousand files of one table are published and read, after a build that one bad file of them refused",
  { timeout: 240_000 },
  async () => {
    const folder = temporaryFolder();
    const store = storeOf(folder, [{ kind: "parquet", path: "mart" }]);
    await publish(store, martBuild({ "mart/t/0.parquet": "SELECT 1 AS a" }));
    const before = manifestBytes(folder);
    const many = ({ dir }: BuildContext) => {
      const bytes = readFileSync(join(dir, "mart/t/0.parquet"));
      for (let at = 1; at < 10_000; at++) writeFileSync(join(dir, `mart/t/${at}.parquet`), bytes);
    };
    const cut = (context: BuildContext) => {
      many(context);
      truncateSync(join(context.dir, "mart/t/7777.parquet"), 40);
    };
    const files = { "mart/t/0.parquet": "SELECT 2 AS a" };
    const refused = await publish(store, martBuild(files, { also: cut }));
    expect([refused.outcome, refused.checks.filter(({ status }) => status === "fail")]).toMatchObject([
      "refused",
      [{ check: "parquet_footers", message: expect.stringContaining("7777.parquet") as unknown }],
    ]);
    expect(manifestBytes(folder)).toBe(before);
    const { tables } = await publish(store, martBuild(files, { also: many }));
    expect(tables).toEqual([{ schema: "mart", name: "t", rows: 10_000 }]);
    const reader = await readerOn(folder);
    expect((await reader.query("SELECT sum(a)::INT FROM mart.t")).rows).toEqual([[20_000]]);
  },
);
