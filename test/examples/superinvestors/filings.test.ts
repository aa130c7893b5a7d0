import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { generate, sizes } from "../../../examples/superinvestors/filings/generate.mjs";
import { startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const command = fileURLToPath(new URL("../../../examples/superinvestors/filings/generate.mjs", import.meta.url));

/** sha256 of every file below a folder. */
function digests(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".parquet"));
  return Object.fromEntries(
    files.toSorted().map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]),
  );
}

/** Asks about the filings of a folder, as the views `filings`, `investors` and `assets`. */
async function asker(folder: string): Promise<(sql: string) => Promise<number[]>> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`CREATE VIEW filings AS FROM read_parquet('${folder}/filings/*.parquet')`);
  for (const name of ["investors", "assets"])
    await connection.run(`CREATE VIEW ${name} AS FROM read_parquet('${folder}/${name}.parquet')`);
  return async (sql) => ((await connection.runAndReadAll(sql)).getRowsJson()[0] ?? []).map(Number);
}

describe("the filings", () => {
  test("are the same bytes for the same arguments with one thread and with two, and fewer quarters are the first of more", async () => {
    const [one, two, few] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    const made = await generate({ size: "xs", out: one, quarters: 3, threads: 1 });
    expect(await generate({ size: "xs", out: two, quarters: 3, threads: 2 })).toEqual(made);
    expect(made).toMatchObject({ ...sizes.xs, quarters: ["2023-Q1", "2023-Q2", "2023-Q3"] });
    const all = digests(one);
    expect(Object.keys(all)).toEqual([
      "assets.parquet",
      ...["2023-Q1", "2023-Q2", "2023-Q3"].map((quarter) => `filings/${quarter}.parquet`),
      "investors.parquet",
    ]);
    expect(digests(two)).toEqual(all);
    await generate({ size: "xs", out: few, quarters: 2 });
    const { "filings/2023-Q3.parquet": _third, ...first } = all;
    expect(digests(few)).toEqual(first);
  });

  test("of size s: as many as it says, heavy tails, churn, and every one filed in its 45 days", async () => {
    const folder = temporaryFolder();
    const made = await generate({ size: "s", out: folder });
    const ask = await asker(folder);
    expect(made.quarters).toHaveLength(8);
    expect(made.rows).toBeGreaterThan(180_000);
    expect(made.rows).toBeLessThan(240_000);
    expect(
      await ask("SELECT count(*), count(DISTINCT (cik, asset_id, quarter)), min(shares) > 0, min(value) > 0 FROM filings"),
    ).toEqual([made.rows, made.rows, 1, 1]);
    expect(await ask("SELECT count(DISTINCT cik), count(DISTINCT name) FROM investors")).toEqual([
      sizes.s.investors,
      sizes.s.investors,
    ]);
    expect(await ask("SELECT count(DISTINCT asset_id), count(DISTINCT symbol), count(DISTINCT name) FROM assets")).toEqual(
      Array.from({ length: 3 }, () => sizes.s.assets),
    );
    expect(await ask("SELECT count(*) FROM filings ANTI JOIN investors USING (cik)")).toEqual([0]);
    expect(await ask("SELECT count(*) FROM filings ANTI JOIN assets USING (asset_id)")).toEqual([0]);

    const quarterEnd = "last_day(make_date(quarter[:4]::INTEGER, quarter[-1]::INTEGER * 3, 1))";
    expect(
      await ask(`SELECT min(filed - ${quarterEnd}) >= 1, max(filed - ${quarterEnd}), max(days) FROM filings,
      (SELECT max(n) AS days FROM (SELECT count(DISTINCT filed) AS n FROM filings GROUP BY cik, quarter))`),
    ).toEqual([1, 45, 1]);

    // Lognormal: the mean lies well above the median, and the largest investor far above the mean.
    const [median = 0, mean = 0, largest = 0] = await ask(
      "SELECT median(n), avg(n), max(n) FROM (SELECT count(*) AS n FROM filings WHERE quarter = '2023-Q1' GROUP BY cik)",
    );
    expect(mean).toBeGreaterThan(1.5 * median);
    expect(largest).toBeGreaterThan(8 * mean);
    // A power law: of 4,000 assets the 40 most popular have a tenth of all positions and more.
    const [top = 0] = await ask(
      `SELECT sum(n) FILTER (rank <= 40) / sum(n) FROM (SELECT count(*) AS n, row_number() OVER (ORDER BY count(*) DESC) AS rank
       FROM filings WHERE quarter = '2023-Q1' GROUP BY asset_id)`,
    );
    expect(top).toBeGreaterThan(0.1);
    expect(top).toBeLessThan(0.4);

    for (const [before, after] of [
      ["2023-Q1", "2023-Q2"],
      ["2024-Q3", "2024-Q4"],
    ]) {
      const [closed, opened, kept, drift] = await ask(
        `SELECT count(*) FILTER (b.cik IS NULL) / count(a.cik), count(*) FILTER (a.cik IS NULL) / count(b.cik),
           avg((a.shares = b.shares)::INTEGER), median(abs(b.shares - a.shares) / a.shares)
         FROM (FROM filings WHERE quarter = '${before}') AS a
         FULL JOIN (FROM filings WHERE quarter = '${after}') AS b USING (cik, asset_id)`,
      );
      for (const share of [closed, opened]) expect(share).toSatisfy((value: number) => value > 0.12 && value < 0.18);
      expect(kept).toBeLessThan(0.05);
      expect(drift).toSatisfy((value: number) => value > 0.02 && value < 0.12);
    }
  });
});

describe("the command", () => {
  test("tells what it made", async () => {
    const child = startProgram([process.execPath, command, "--size", "xs", "--out", temporaryFolder(), "--quarters", "1"]);
    expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
    expect(child.stdout()).toMatch(/^\d+ positions of 60 investors in 1 quarters, 2023-Q1 to 2023-Q1\n$/);
  });

  test.each([
    [["--size", "xl"], 'there is no size "xl"'],
    [["--size", "toString"], 'there is no size "toString"'],
    [["--size", "xs", "--quarters", "0"], "quarters is 0"],
    [["--size", "xs", "--quarters", "1.5"], "quarters is 1.5"],
    [["--size", "xs", "--colour", "red"], "--colour"],
    [[], "--size and --out are needed"],
  ])("refuses %j", async (words, message) => {
    const child = startProgram([process.execPath, command, "--out", temporaryFolder(), ...words]);
    expect((await child.ended).code).toBe(2);
    expect(child.stderr()).toContain(message);
    expect(child.stderr()).toContain("usage: node generate.mjs");
  });

  test("writes into no folder that has something in it", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "mine.txt"), "mine");
    const child = startProgram([process.execPath, command, "--size", "xs", "--out", folder]);
    expect((await child.ended).code).toBe(2);
    expect(child.stderr()).toContain("is not empty");
    expect(readdirSync(folder)).toEqual(["mine.txt"]);
  });
});
