import { expect, test } from "vitest";
import { testServer } from "../support/server.ts";

const config = `format = 1\n[stores.marts]\nkind = "release"\ndir = "data"\n[stores.marts.datasets.t]\n`;

/** Values as SQL writes them, and as the answer's JSON does. */
const values: Readonly<Record<string, string>> = {
  "9007199254740993::BIGINT": "9007199254740993",
  "170141183460469231731687303715884105727::HUGEINT": "170141183460469231731687303715884105727",
  "340282366920938463463374607431768211455::UHUGEINT": "340282366920938463463374607431768211455",
  "'123456789012345678901234567890123456789012345'::BIGNUM": "123456789012345678901234567890123456789012345",
  "18446744073709551615::UBIGINT": "18446744073709551615",
  "(-0.5)::DECIMAL(18, 3)": "-0.500",
  "12345678901234567890.12::DECIMAL(38, 2)": "12345678901234567890.12",
  "7::DECIMAL(5, 0)": "7",
  "0.1::DOUBLE": "0.1",
  "1e300::DOUBLE": "1e+300",
  "'nan'::DOUBLE": "null",
  "'-inf'::FLOAT": "null",
  "200::UTINYINT": "200",
  "[9007199254740993, NULL]": "[9007199254740993,null]",
  "[1.50::DECIMAL(4, 2), 2]": "[1.50,2.00]",
  "{'a': 9007199254740993, 'b': 'x', 'c': 'nan'::DOUBLE}": '{"a":9007199254740993,"b":"x","c":null}',
  "MAP {'k': 9007199254740993}": '[{"key":"k","value":9007199254740993}]',
  "union_value(n := 9007199254740993)": '{"tag":"n","value":9007199254740993}',
  true: "true",
  "'007'": '"007"',
  NULL: "null",
};

test("numbers are JSON numbers with all their digits, on their own and in lists, structs, maps and unions; what is no number is null", async () => {
  const { publish, ask } = await testServer(config);
  const columns = Object.keys(values).map((sql, index) => `${sql} AS "C${index}"`);
  await publish("marts", `CREATE TABLE t AS SELECT ${columns.join(", ")}`);
  const text = await (await ask("/api/analytics/datasets/t/query")).text();
  const row = Object.values(values).map((json, index) => `"c${index}":${json}`);
  expect(text).toBe(`{"dataset_id":"t","dataset_name":"t","rows":[{${row.join(",")}}],"row_count":1,"filters_applied":{}}\n`);
});
