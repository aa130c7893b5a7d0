import { expect, test } from "vitest";
import { csv } from "../../../src/reader/formats/csv.ts";
import { json } from "../../../src/reader/formats/json.ts";
import { ndjson } from "../../../src/reader/formats/ndjson.ts";
import { sample, textOf } from "./support.ts";

/** An expression, its JSON text, and its CSV field where that is not the JSON text without quotes. */
const cases: readonly (readonly [string, string, string?])[] = [
  ["true", "true"],
  ["(-128)::TINYINT", "-128"],
  ["32767::SMALLINT", "32767"],
  ["(-2147483648)::INTEGER", "-2147483648"],
  ["255::UTINYINT", "255"],
  ["65535::USMALLINT", "65535"],
  ["4294967295::UINTEGER", "4294967295"],
  ["9007199254740993::BIGINT", '"9007199254740993"'],
  ["18446744073709551615::UBIGINT", '"18446744073709551615"'],
  ["(-170141183460469231731687303715884105727)::HUGEINT", '"-170141183460469231731687303715884105727"'],
  ["340282366920938463463374607431768211455::UHUGEINT", '"340282366920938463463374607431768211455"'],
  ["'123456789012345678901234567890123456789012'::BIGNUM", '"123456789012345678901234567890123456789012"'],
  ["(-0.5)::DECIMAL(9, 3)", '"-0.500"'],
  ["0.05::DECIMAL(4, 2)", '"0.05"'],
  ["123::DECIMAL(5, 0)", '"123"'],
  ["'-12345678901234567890123456789012345678'::DECIMAL(38, 0)", '"-12345678901234567890123456789012345678"'],
  ["'1234567890123456789012345678.9012345678'::DECIMAL(38, 10)", '"1234567890123456789012345678.9012345678"'],
  ["0.1::DOUBLE", "0.1"],
  ["1.5::FLOAT", "1.5"],
  ["0.1::FLOAT", "0.10000000149011612"],
  ["1e300::DOUBLE", "1e+300"],
  ["5e-324::DOUBLE", "5e-324"],
  ["'-0'::DOUBLE", "-0"],
  ["'-0'::FLOAT", "-0"],
  ["'NaN'::DOUBLE", '"NaN"'],
  ["'Infinity'::DOUBLE", '"Infinity"'],
  ["'-Infinity'::FLOAT", '"-Infinity"'],
  ["DATE '2026-01-31'", '"2026-01-31"'],
  ["DATE '0001-01-01 (BC)'", '"0001-01-01 (BC)"'],
  ["DATE '12026-01-31'", '"12026-01-31"'],
  ["'-infinity'::DATE", '"-infinity"'],
  ["TIME '01:02:03.4'", '"01:02:03.4"'],
  ["TIME '24:00:00'", '"24:00:00"'],
  ["'12:00:00.123456789'::TIME_NS", '"12:00:00.123456789"'],
  ["'12:30:00.000001+05:30'::TIMETZ", '"12:30:00.000001+05:30"'],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", '"1969-12-31 23:59:59.999999"'],
  ["TIMESTAMP '0044-03-15 (BC) 12:00:00'", '"0044-03-15 (BC) 12:00:00"'],
  ["'infinity'::TIMESTAMP", '"infinity"'],
  ["TIMESTAMP_S '2026-01-02 03:04:05'", '"2026-01-02 03:04:05"'],
  ["'infinity'::TIMESTAMP_S", '"infinity"'],
  ["TIMESTAMP_MS '2026-01-02 03:04:05.1'", '"2026-01-02 03:04:05.1"'],
  ["'-infinity'::TIMESTAMP_MS", '"-infinity"'],
  ["TIMESTAMP_NS '1960-01-02 03:04:05.123456789'", '"1960-01-02 03:04:05.123456789"'],
  ["TIMESTAMPTZ '2026-07-02 03:04:05.5+02'", '"2026-07-02T01:04:05.5Z"'],
  ["TIMESTAMPTZ '2026-01-02 00:00:00+00'", '"2026-01-02T00:00:00Z"'],
  ["TIMESTAMPTZ '0044-03-15 (BC) 00:00:00+00'", '"0044-03-15 (BC) 00:00:00+00"'],
  ["'infinity'::TIMESTAMPTZ", '"infinity"'],
  ["'550e8400-e29b-41d4-a716-446655440000'::UUID", '"550e8400-e29b-41d4-a716-446655440000"'],
  ["'10101'::BIT", '"10101"'],
  ["'b \"c\"'::ENUM('a', 'b \"c\"')", '"b \\"c\\""', '"b ""c"""'],
  ["'\\x00\\xFF\\x5Cx41'::BLOB", '"AP9ceDQx"'],
  ["''::BLOB", '""', '""'],
  ["''", '""', '""'],
  [
    "'é \u2028 \"q\", it''s' || chr(10) || chr(0) || '\\'",
    '"é \u2028 \\"q\\", it\'s\\n\\u0000\\\\"',
    '"é \u2028 ""q"", it\'s\n\0\\"',
  ],
  ["NULL", "null", ""],
  ["NULL::DECIMAL(9, 2)", "null", ""],
  ["INTERVAL '1 year 2 days 3.5 seconds'", '{"months":12,"days":2,"micros":"3500000"}'],
  ["[1.5::DOUBLE, NULL, 'NaN'::DOUBLE, '-0'::DOUBLE]", '[1.5,null,"NaN",-0]'],
  ["[9007199254740993, NULL]", '["9007199254740993",null]'],
  ["[1, NULL]::INTEGER[2]", "[1,null]"],
  ["[]::INTEGER[]", "[]"],
  ["{'a': 1, 'b': [DATE '2026-01-31', NULL], 'c': NULL}", '{"a":1,"b":["2026-01-31",null],"c":null}'],
  ["MAP {'k': 1::BIGINT, '__proto__': NULL}", '[{"key":"k","value":"1"},{"key":"__proto__","value":null}]'],
  ["union_value(k := 1.50::DECIMAL(3, 2))::UNION(s VARCHAR, k DECIMAL(3, 2))", '{"tag":"k","value":"1.50"}'],
  ["[{'m': MAP {1: [union_value(u := '\\xFF'::BLOB)]}}, NULL]", '[{"m":[{"key":1,"value":[{"tag":"u","value":"/w=="}]}]},null]'],
  ["'{\"a\": 1}'::JSON", '"{\\"a\\": 1}"', '"{""a"": 1}"'],
  ["{'x': 1::BIGINT, 'd': TIMESTAMPTZ '2026-01-02 00:00:00+00'}::VARIANT", '{"x":"1","d":"2026-01-02T00:00:00Z"}'],
];

test("every type has its exact text in JSON, NDJSON and CSV, whatever the process's time zone", async () => {
  const before = process.env["TZ"];
  for (const zone of ["America/New_York", "Asia/Kolkata"]) {
    process.env["TZ"] = zone;
    const database = await sample();
    for (const [expression, text, field] of cases) {
      const sql = `SELECT ${expression} AS v`;
      const unquoted = text.startsWith('"') ? text.slice(1, -1) : text;
      const quoted = /[",]/.test(unquoted) ? `"${unquoted.replaceAll('"', '""')}"` : unquoted;
      expect([expression, await textOf(database, sql, { format: ndjson })]).toEqual([expression, `{"v":${text}}\n`]);
      expect([expression, await textOf(database, sql, { format: csv })]).toEqual([expression, `v\r\n${field ?? quoted}\r\n`]);
      const document = await textOf(database, sql, { format: json });
      expect(document).toMatch(/^\{"columns":\[\{"name":"v","type":".+"\}\],"rows":\[\[/);
      expect([expression, document.slice(document.indexOf('"rows":'))]).toEqual([expression, `"rows":[[${text}]]}\n`]);
      JSON.parse(document);
    }
    await database.close();
  }
  if (before === undefined) delete process.env["TZ"];
  else process.env["TZ"] = before;
});

test("texts are read back as the value they came from", async () => {
  const database = await sample();
  for (const [expression, text] of cases) {
    const { rows, columns } = await database.query(`SELECT ${expression}`, undefined, { values: "exact" });
    const type = columns[0]?.type ?? "";
    const value = rows[0]?.[0] as string | number | boolean | object | null;
    if (typeof value === "object" || type.startsWith("ENUM") || text.includes("\\u0000")) continue;
    const back = type === "BLOB" ? "from_base64($1)" : `$1::VARCHAR::${type}`;
    const same = await database.query(`SELECT ${back} IS NOT DISTINCT FROM ${expression}`, [String(value)], {});
    expect([expression, same.rows]).toEqual([expression, [[true]]]);
  }
});

test("dates and times of all ages are written as the engine writes them", async () => {
  const database = await sample();
  const ages = "(hash(range) % 120000000000000000)::BIGINT - 60000000000000000";
  const sql = `SELECT make_timestamp(${ages}) AS t, t::VARCHAR, t::DATE AS d, d::VARCHAR, t::TIME AS c, c::VARCHAR,
    make_timestamp_ns((${ages}) * 100) AS n, n::VARCHAR, date_trunc('second', t)::TIMESTAMP_S AS s, s::VARCHAR FROM range(20000)`;
  const { rows } = await database.query(sql, undefined, { values: "exact" });
  for (const row of rows) for (let index = 0; index < row.length; index += 2) expect(row[index]).toBe(row[index + 1]);
  const instants = await database.query(`SELECT make_timestamptz(${ages}) AS t, epoch_us(t) FROM range(20000)`, undefined, {
    values: "exact",
  });
  for (const [text, micros] of instants.rows as [string, string][]) {
    if (/^\d{4}-[^ ]*Z$/.test(text)) expect(BigInt(Date.parse(text))).toBe(floorDivide(BigInt(micros), 1000n));
  }
});

test("a STRUCT that JavaScript's objects cannot hold is refused, not read in part", async () => {
  const database = await sample();
  for (const sql of ["SELECT row(1, 2)", "SELECT [{'__proto__': 1}]"]) {
    const query = database.query(sql, undefined, { values: "exact" });
    await expect(query).rejects.toMatchObject({ code: "QUERY_FAILED", message: expect.stringContaining("STRUCT") });
    await expect(database.stream(sql, undefined, { values: "exact" })).rejects.toMatchObject({ code: "QUERY_FAILED" });
  }
  expect((await database.query("SELECT 1", undefined, {})).rows).toEqual([[1]]);
});

function floorDivide(value: bigint, by: bigint): bigint {
  return value >= 0n || value % by === 0n ? value / by : value / by - 1n;
}
