import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { writeParquet } from "../support/parquet.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { typeChanges, unchanged } from "./parquet-types.ts";
import { rowsOf } from "./support.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/dbt-migration.md", import.meta.url)), "utf8");

/** A value's type and its text. */
interface Seen {
  readonly type: string;
  readonly text: string;
}

const cases = typeChanges.flatMap((change) =>
  change.values.map((value, index) => ({
    ...change,
    value,
    became: change.becomes[index] ?? "",
    casted: change.casts.map((cast) => `(SELECT ${cast} FROM (SELECT ${value} AS v))`),
  })),
);
const values = [...unchanged, ...cases.flatMap(({ value, casted }) => [value, ...casted])];

const before = new Map<string, Seen>();
const after = new Map<string, Seen>();

const isThrough = whenThrough();

beforeAll(async () => {
  const path = join(temporaryFolder(isThrough), "t.parquet");
  const rows = `SELECT ${values.map((value, index) => `${value} AS v${index}`).join(", ")}`;
  await writeParquet(path, rows);
  const shown = values.map((_, index) => `SELECT typeof(v${index}) || '/' || coalesce(v${index}::VARCHAR, 'NULL') FROM `);
  for (const [seen, from] of [
    [before, `(${rows})`],
    [after, `'${path}'`],
  ] as const) {
    const texts = await rowsOf(shown.map((sql) => sql + from).join(" UNION ALL "));
    for (const [index, text] of texts.entries()) {
      const slash = text.indexOf("/");
      seen.set(values[index] ?? "", { type: text.slice(0, slash), text: text.slice(slash + 1) });
    }
  }
});

test.each(cases)("$value comes back from Parquet as $became", ({ value, became, keeps, casted }) => {
  expect(after.get(value)?.type).toBe(became);
  expect(after.get(value)).not.toEqual(before.get(value));
  expect(after.get(value)?.text === before.get(value)?.text).toBe(keeps);
  for (const each of casted) expect([each, after.get(each)]).toEqual([each, before.get(each)]);
});

test("the others come back as they were", () => {
  for (const value of unchanged) expect([value, after.get(value)]).toEqual([value, before.get(value)]);
  expect(after.size).toBe(values.length);
});

test("docs/dbt-migration.md has the table, and its query finds the types in it and no others", async () => {
  const rows = typeChanges.map(({ type, comes, so }) => `| ${type} | ${comes} | ${so} |`);
  expect(/<!-- types -->\n([^]*?)\n\n/.exec(page)?.[1]).toBe(
    ["| type | comes back as | so |", "|---|---|---|", ...rows].join("\n"),
  );
  const [, pattern = ""] = /regexp_matches\(data_type, '(.*)'\)/.exec(page) ?? [];
  const types = [...cases.map(({ value }) => value), ...unchanged].map((value) => before.get(value)?.type ?? "");
  const list = types.map((type) => `('${type.replaceAll("'", "''")}')`).join(", ");
  const found = await rowsOf(`SELECT type FROM (VALUES ${list}) AS t (type) WHERE regexp_matches(type, '${pattern}')`);
  expect(found).toEqual(cases.map(({ value }) => before.get(value)?.type));
});

test("a column of `partition_by` is what the names of its folders look like", async () => {
  const folder = temporaryFolder();
  const looks = { "7": "BIGINT", "2026-10-31": "DATE", "2026-10": "VARCHAR" };
  for (const [value, type] of Object.entries(looks)) {
    expect(page).toContain(`\`${value}\` is ${type}`);
    const place = join(folder, value);
    await rowsOf(`COPY (SELECT '${value}' AS k, 1 AS n) TO '${place}' (FORMAT parquet, PARTITION_BY k)`);
    const described = `SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet('${place}/*/*.parquet'))`;
    expect(await rowsOf(described)).toEqual(["n|INTEGER", `k|${type}`]);
  }
});
