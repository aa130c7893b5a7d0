import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundStatement, parseNamedQuery, queryParametersMax, type NamedQuery } from "../../src/model/named-query.ts";
import { parameterTypes, type TypedValue } from "../../src/model/parameter-types.ts";
import { parseParameters } from "../../src/model/query-request.ts";

function queryOf(sql: string, name = "top"): NamedQuery {
  const { query, problems } = parseNamedQuery(name, sql);
  expect(problems).toEqual([]);
  if (query === undefined) throw new Error("no query");
  return query;
}

/** A query with one parameter `p` of that type. */
const queryWith = (type: string) => queryOf(`-- param p: ${type}\nSELECT $p`);

const problemsOf = (sql: string, name = "top") => {
  const { query, problems } = parseNamedQuery(name, sql);
  expect(query).toBeUndefined();
  return problems;
};

const given = (values: Readonly<Record<string, readonly string[]>>) => new Map(Object.entries(values));

/** What a request for `p` binds. */
function bound(type: string, ...texts: readonly string[]): TypedValue | undefined {
  const { values, findings } = parseParameters(queryWith(type), given({ p: texts }));
  expect(findings).toEqual([]);
  return values?.get("p");
}

function refused(type: string, ...texts: readonly string[]): string | undefined {
  const { values, findings } = parseParameters(queryWith(type), given({ p: texts }));
  expect([values, findings.length]).toEqual([undefined, 1]);
  return findings[0]?.detail;
}

describe("a file of a named query", () => {
  it("has a name, a description, parameters in order and the statement", () => {
    const sql = `-- Copyright: nobody
-- description: The largest holdings
--   of an investor;
-- description: by shares.
-- (internal)

  -- param cik: integer
-- param since : date = 2026-01-01
--param assets:text[]=null
SELECT 1 -- param late: text
WHERE $cik > 0 AND $since IS NULL AND $assets IS NULL;
-- the end`;
    expect(queryOf(`${sql}\r\n`)).toMatchObject({
      name: "top",
      description: "The largest holdings of an investor; by shares.",
      parameters: [
        { name: "cik", type: "integer", list: false },
        { name: "since", type: "date", list: false, default: { sqlType: "DATE", value: "2026-01-01", text: "2026-01-01" } },
        { name: "assets", type: "text", list: true, default: { sqlType: "VARCHAR[]", value: null, text: "null" } },
      ],
    });
  });

  it("needs neither head nor parameters", () => {
    expect(queryOf("SELECT 1\r\n")).toMatchObject({ name: "top", description: undefined, parameters: [] });
  });

  it.each([
    ["integer", "= 12", { sqlType: "BIGINT", value: 12n }],
    ["integer", "= -9223372036854775808", { sqlType: "BIGINT", value: -(2n ** 63n) }],
    ["decimal", "= 12.50", { sqlType: "DECIMAL(4,2)", value: "12.50" }],
    ["decimal", "= null", { sqlType: "DECIMAL(18,3)", value: null }],
    ["text", "= add = more", { sqlType: "VARCHAR", value: "add = more" }],
    ["text", "= 'null'", { sqlType: "VARCHAR", value: "null" }],
    ["text", "= ''", { sqlType: "VARCHAR", value: "" }],
    ["text", "=", { sqlType: "VARCHAR", value: "" }],
    ["text", "= 'it''s'", { sqlType: "VARCHAR", value: "it's" }],
    ["boolean", "= true", { sqlType: "BOOLEAN", value: true }],
    ["integer[]", "= []", { sqlType: "BIGINT[]", value: [] }],
    ["integer[]", "= [ 1,2 , -3 ]", { sqlType: "BIGINT[]", value: [1n, 2n, -3n] }],
    [
      "text[]",
      "= [add, cut all, 'a, b', 'it''s', '', ']']",
      { sqlType: "VARCHAR[]", value: ["add", "cut all", "a, b", "it's", "", "]"] },
    ],
    ["decimal[]", "= [1.5, 100]", { sqlType: "DECIMAL(4,1)[]", value: ["1.5", "100"] }],
    ["decimal[]", "= []", { sqlType: "DECIMAL(18,3)[]", value: [] }],
  ])("%s %s", (type, written, value) => {
    expect(queryOf(`-- param p: ${type} ${written}\nSELECT $p`).parameters[0]?.default).toMatchObject(value);
  });

  it.each([
    ["Top", "SELECT 1", '"Top" is no name of a query'],
    ["", "SELECT 1", '"" is no name of a query'],
    ["top", "", "holds no statement"],
    ["top", "-- SELECT 1;\n;/* SELECT 2 */", "holds no statement"],
    ["top", "SELECT 1; SELECT ';'", "holds 2 statements"],
    ["top", "SELECT 1 \0", "NUL"],
    ["top", "-- param cik integer\nSELECT $cik", 'line 1: "param cik integer" cannot be read; write "param name: type"'],
    ["top", "--\n-- param: integer\nSELECT 1", "line 2:"],
    ["top", "-- param Cik: integer\nSELECT $Cik", '"Cik" is no name of a parameter'],
    ["top", "-- param __proto__: integer\nSELECT $__proto__", "is no name of a parameter"],
    ["top", "-- param release: text\nSELECT $release", '"release" is a name that the server keeps for itself'],
    ["top", "-- param a: text\n-- param a: text\nSELECT $a", "line 2: the parameter a is declared twice"],
    ["top", "-- param a: integr\nSELECT $a", 'did you mean "integer"?'],
    ["top", "-- param a: uuid\nSELECT $a", "types are integer, number, decimal"],
    ["top", "-- param a: integer = one\nSELECT $a", 'the default of a is "one"; it must be a whole number'],
    ["top", "-- param a: integer =\nSELECT $a", 'the default of a is ""; it must be a whole number'],
    ["top", "-- param a: integer = 9223372036854775808\nSELECT $a", "it must be a whole number from"],
    ["top", "-- param a: integer[] = 1\nSELECT $a", "null, or values in brackets"],
    ["top", "-- param a: integer[] = [1,]\nSELECT $a", "null, or values in brackets"],
    ["top", "-- param a: integer[] = [1, x]\nSELECT $a", 'is "x" at place 2; it must be a whole number'],
    ["top", "-- param a: text\nSELECT '$a', \"$a\", $$ $a $$, x$a -- $a", "the parameter a is declared, but $a stands nowhere"],
    ["top", "SELECT\n  $cik", 'line 2: $cik is not declared; write "-- param cik: type" at the head'],
    ["top", "SELECT 1\n-- param cik: integer\nWHERE $cik = 1", "line 3: $cik is not declared"],
    ["top", "-- param cik: integer\nSELECT $cik, $cki", 'line 2: $cki is not declared; did you mean "cik"?'],
    ["top", "-- param cik: integer\nSELECT $cik, $CIK", 'line 2: $CIK is not declared; did you mean "cik"?'],
    ["top", "SELECT $1", "line 1: $1 is a parameter by position; use $name"],
    ["top", "SELECT ?", "line 1: ? is a parameter by position; use $name"],
    ["top", `-- description: ${"x".repeat(2_001)}\nSELECT 1`, "the description has 2001 characters"],
  ])("%j %j is refused", (name, sql, text) => {
    expect(problemsOf(sql, name)).toContainEqual(expect.stringContaining(text));
  });

  it("takes so many parameters and no more", () => {
    const sql = (count: number) => {
      const names = Array.from({ length: count }, (_, index) => `p${index}`);
      return [...names.map((name) => `-- param ${name}: text`), `SELECT ${names.map((name) => `$${name}`).join(", ")}`].join(
        "\n",
      );
    };
    expect(queryOf(sql(queryParametersMax)).parameters).toHaveLength(queryParametersMax);
    expect(problemsOf(sql(queryParametersMax + 1))).toEqual([expect.stringContaining("at most 50")]);
  });

  it("tells all of its faults", () => {
    expect(problemsOf("-- param a: uuid\nSELECT ?, $b; SELECT $b", "A")).toHaveLength(5);
  });

  it("is one with each type", () => {
    for (const type of parameterTypes) for (const list of ["", "[]"]) queryWith(`${type}${list}`);
  });
});

describe("a request's parameters", () => {
  it.each([
    ["integer", "9007199254740993", { sqlType: "BIGINT", value: 9007199254740993n }],
    ["integer", "-007", { sqlType: "BIGINT", value: -7n }],
    ["number", "-2.5", { sqlType: "DOUBLE", value: -2.5 }],
    ["number", "1e6", { sqlType: "DOUBLE", value: 1_000_000 }],
    ["decimal", "-0012.500", { sqlType: "DECIMAL(5,3)", value: "-0012.500" }],
    ["decimal", "0", { sqlType: "DECIMAL(1,0)", value: "0" }],
    ["decimal", "0.5", { sqlType: "DECIMAL(1,1)", value: "0.5" }],
    ["text", "", { sqlType: "VARCHAR", value: "" }],
    ["text", "null", { sqlType: "VARCHAR", value: "null" }],
    ["text", "'; DROP TABLE t --", { sqlType: "VARCHAR", value: "'; DROP TABLE t --" }],
    ["boolean", "false", { sqlType: "BOOLEAN", value: false }],
    ["date", "2028-02-29", { sqlType: "DATE", value: "2028-02-29" }],
    ["timestamp", "2026-11-20", { sqlType: "TIMESTAMP", value: "2026-11-20 00:00:00" }],
    ["timestamp", "2026-11-20T03:04", { sqlType: "TIMESTAMP", value: "2026-11-20 03:04:00" }],
    ["timestamp", "2026-11-20 03:04:05.123456", { sqlType: "TIMESTAMP", value: "2026-11-20 03:04:05.123456" }],
    ["timestamp", "2026-11-20T03:04:05.1Z", { sqlType: "TIMESTAMP", value: "2026-11-20 03:04:05.1" }],
    ["timestamp", "2026-11-20T00:30:00.000001+01:00", { sqlType: "TIMESTAMP", value: "2026-11-19 23:30:00.000001" }],
  ])("%s takes %j", (type, text, value) => {
    expect(bound(type, text)).toEqual(value);
    expect(bound(`${type}[]`, text)).toEqual({ sqlType: `${value.sqlType}[]`, value: [value.value] });
  });

  it.each([
    ["integer", ["", "1.0", "1e3", "+1", " 1", "0x10", "9223372036854775808", "-9223372036854775809", "1".repeat(200)]],
    ["number", ["", "NaN", "Infinity", "1e999", "0x10", "1,5", ".", "-"]],
    ["decimal", ["", "1.", ".5", "-.5", "1e3", "NaN", "1".repeat(39), `1.${"0".repeat(38)}`, "-"]],
    ["text", ["a\0b", "\ud800"]],
    ["boolean", ["", "TRUE", "1", "yes"]],
    ["date", ["", "2026-02-30", "2027-02-29", "0000-01-01", "2026-1-1", "2026-01-01T00:00:00Z", "20260101"]],
    [
      "timestamp",
      [
        "",
        "2026-02-30T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:00:60",
        "2026-01-01T00:00:00.1234567",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-01T00:00:00 01:00",
        "now",
      ],
    ],
  ])("%s refuses what is none", (type, texts) => {
    for (const text of texts) {
      expect(refused(type, text)).toMatch(/^p is ".*"; it must be /s);
      expect(refused(`${type}[]`, text)).toMatch(/^p is ".*"; it must be /s);
    }
  });

  it("decimals of a list get one type that holds them all, or are refused", () => {
    expect(bound("decimal[]", "1.25", "1000")).toEqual({ sqlType: "DECIMAL(6,2)[]", value: ["1.25", "1000"] });
    expect(refused("decimal[]", "1".repeat(30), `0.${"1".repeat(30)}`)).toContain("more than 38 digits");
  });

  it("are bounded in length and number", () => {
    expect(bound("text", "x".repeat(10_000))).toBeDefined();
    expect(refused("text", "x".repeat(10_001))).toBe("p has 10001 characters; at most 10000 are taken");
    const many = Array.from({ length: 1_001 }, () => "1");
    expect(bound("integer[]", ...many.slice(1))).toBeDefined();
    expect(refused("integer[]", ...many)).toBe("p has 1001 values; at most 1000 are taken");
  });

  it("that are left out have their default; one without is a fault, as are unknown and repeated ones", () => {
    const query = queryOf("-- param cik: integer\n-- param rows: integer = 10\nSELECT $cik LIMIT $rows");
    const { values } = parseParameters(query, given({ cik: ["1"] }));
    expect([...(values ?? [])].map(([name, { value }]) => [name, value])).toEqual([
      ["cik", 1n],
      ["rows", 10n],
    ]);
    const faults = parseParameters(query, given({ cki: ["1"], rows: ["1", "2"], __proto__x: [] }));
    expect(faults.values).toBeUndefined();
    expect(faults.findings.map(({ code, subject, detail }) => [code, subject, detail])).toEqual([
      ["REQUEST_INVALID", "cki", 'cki is no parameter of the query top; did you mean "cik"?'],
      ["REQUEST_INVALID", "__proto__x", "__proto__x is no parameter of the query top; it has cik, rows"],
      ["REQUEST_INVALID", "cik", "cik is missing; it must be a whole number from -9223372036854775808 to 9223372036854775807"],
      ["REQUEST_INVALID", "rows", "rows is said 2 times; it must be said once, for its type is integer"],
    ]);
    expect(parseParameters(queryOf("SELECT 1"), given({ a: [""] })).findings[0]?.detail).toContain("it has none");
  });

  it("show no more of a long value or name than its beginning", () => {
    expect(refused("integer", "x".repeat(5_000))?.length).toBeLessThan(200);
    const [fault] = parseParameters(queryWith("text"), given({ p: [""], ["y".repeat(5_000)]: [""] })).findings;
    expect(fault?.detail.length).toBeLessThan(200);
  });

  it("are whole numbers of 64 bits exactly as they were said", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (number) => bound("integer", String(number))?.value === number,
      ),
    );
  });
});

describe("the statement that is run", () => {
  it("casts each parameter, and touches nothing else", () => {
    const sql = `-- param a: integer[]\n-- param ab: decimal\nSELECT '$a', "$a", $a, $ab+$ab, $a::VARCHAR /* $a */ -- $a`;
    const query = queryOf(sql);
    const { values } = parseParameters(query, given({ a: ["1", "2"], ab: ["1.5"] }));
    expect(boundStatement(query, values ?? new Map())).toEqual({
      sql: sql.replace(
        "$a, $ab+$ab, $a::",
        "CAST($a AS BIGINT[]), CAST($ab AS DECIMAL(2,1))+CAST($ab AS DECIMAL(2,1)), CAST($a AS BIGINT[])::",
      ),
      parameters: { a: [1n, 2n], ab: "1.5" },
    });
  });
});
