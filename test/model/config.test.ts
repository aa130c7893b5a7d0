import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/model/config-findings.ts";

const store = `[stores.holdings]\nkind = "release"\ndir = "data"\nlayout = "slots"\n`;

function parsed(text: string) {
  return parseConfig(parse(text));
}

function findings(text: string) {
  const result = parsed(text);
  expect(result.config).toBeUndefined();
  return result.findings.map(({ code, subject, detail }) => ({ code, subject, detail }));
}

/** Checks with one fault each: what stands in the entry, the key that is named, and what is said. */
const checkFaults: readonly (readonly [check: string, key: string, rule: string])[] = [
  [`check = "not_nul", table = "t"`, ".check", 'did you mean "not_null"?'],
  [`check = "rows", table = "t", drift = -0.1`, ".drift", "must be at least 0"],
  [`check = "rows", table = "t", drift = "20%"`, ".drift", "must be a number"],
  [`check = "rows", table = "t", drfit = 0.1`, ".drfit", 'did you mean "drift"?'],
  [`check = "schema"`, ".mode", 'must be "identical" or "compatible" or "any"'],
  [`check = "schema", mode = "compatable"`, ".mode", 'did you mean "compatible"?'],
  [`check = "unique", table = "t", columns = []`, ".columns", "must not be empty"],
  [`check = "unique", table = "t", columns = "a"`, ".columns", "must be an array"],
  [`check = "unique", table = "t", column = "a"`, ".column", 'did you mean "columns"?'],
  [`check = "not_null", table = "t", columns = ["a", "A"]`, ".columns", "must name each column once"],
  [`check = "not_null", columns = ["a"]`, ".table", "is missing"],
  [`check = "accepted", table = "t", column = "a", values = []`, ".values", "must not be empty"],
  [`check = "accepted", table = "t", column = "a", values = ["a", 1]`, ".values", "strings only, numbers only"],
  [`check = "accepted", table = "t", column = "a", values = [nan]`, ".values[0]", "a finite number"],
  [`check = "accepted", table = "t", column = "a", values = [inf]`, ".values[0]", "a finite number"],
  [`check = "accepted", table = "t", column = "a", values = [2026-01-01]`, ".values[0]", "must be a string"],
  [`check = "accepted", table = "t", column = "a", values = [${"1,".repeat(1001)}]`, ".values", "at most 1000 entries"],
  [`check = "references", table = "t", column = "a", to = "parents"`, ".to", 'must be "table.column"'],
  [`check = "fresh", table = "t", column = "at"`, "", "needs warn_after, error_after or both"],
  [`check = "fresh", table = "t", column = "at", warn_after = 26`, ".warn_after", "must be a duration"],
  [`check = "fresh", table = "t", column = "at", warn_after = "3h", error_after = "2h"`, "", "warn_after above its error_after"],
  [`check = "fresh", table = "t", column = "at", error_afer = "2h"`, ".error_afer", 'did you mean "error_after"?'],
  [`check = "sql", name = "x"`, "", "needs either file or query"],
  [`check = "sql", file = "x.sql", query = "SELECT 1"`, "", "needs either file or query"],
  [`check = "sql", query = " "`, ".query", "must not be empty"],
  [`check = "sql", query = "SELECT 1", timeout = 5`, ".timeout", "must be a duration"],
];

describe("a valid configuration", () => {
  it("has durations in milliseconds and defaults left to their owners", () => {
    const { config, findings: none } = parsed(`format = 1
[stores.holdings]
kind = "release"
dir = "data/TR_05_DB"
layout = "slots"
basename = "TR_05_DUCKDB_FILE"
fallback = "env:DUCKDB_PATH"
space = "3x"
reader = { freshness = "eventual", drain_timeout = "250ms", fallback_idle = "1s", poll = "2s", wait = "5s", allow_network_fs = true, warmup = ["SELECT 1"], limits = { concurrency = 2, time = "30s", bytes = "1.5MiB", memory = "2GB" } }
build = { command = ["python", "etl.py"], timeout = "2h" }
checks = [
  { check = "tables", names = ["holdings"] },
  { check = "rows", table = "holdings", min = 1, severity = "warn" },
]
`);
    expect(none).toEqual([]);
    expect(config?.stores["holdings"]).toEqual({
      kind: "release",
      dir: "data/TR_05_DB",
      layout: "slots",
      basename: "TR_05_DUCKDB_FILE",
      fallback: "env:DUCKDB_PATH",
      space: "3x",
      reader: {
        freshness: "eventual",
        drain_timeout: 250,
        fallback_idle: 1_000,
        poll: 2_000,
        wait: 5_000,
        allow_network_fs: true,
        warmup: ["SELECT 1"],
        limits: { concurrency: 2, time: 30_000, bytes: 1_572_864, memory: "2GB" },
      },
      build: { command: ["python", "etl.py"], timeout: 7_200_000 },
      checks: [
        { check: "tables", names: ["holdings"], severity: "error" },
        { check: "rows", table: "holdings", min: 1, severity: "warn" },
      ],
    });
  });

  it("may have no store yet", () => {
    expect(parsed("format = 1").config).toEqual({ format: 1, stores: {} });
  });
});

describe("a key that nobody knows", () => {
  it.each([
    [`stroes = 1`, "stroes", '"stores"'],
    [`[stores.holdings.reader]\ndrain_timout = "1s"`, "stores.holdings.reader.drain_timout", '"drain_timeout"'],
    [`[stores.holdings.build]\ncomand = ["a"]`, "stores.holdings.build.comand", '"command"'],
    [`[[stores.holdings.checks]]\ncheck = "rows"\ntable = "t"\nmni = 1`, "stores.holdings.checks[0].mni", '"min"'],
    [`[stores.holdings.reader.limits]\nmemroy = "1GB"`, "stores.holdings.reader.limits.memroy", '"memory"'],
  ])("%s", (text, subject, near) => {
    const [top, section] = text.startsWith("[") ? ["", text] : [text, ""];
    const found = findings(`format = 1\n${top}\n${store}${section}`);
    expect(found).toContainEqual({ code: "CONFIG_INVALID", subject, detail: expect.stringContaining(`did you mean ${near}?`) });
  });

  it("is one finding where what it was meant to be has a default", () => {
    const found = findings(`format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\nlayuot = "slots"\n`);
    expect(found.map((finding) => finding.subject)).toEqual(["stores.holdings.layuot"]);
  });

  it("is told the known ones when none is near", () => {
    expect(findings(`format = 1\nwarmth = 3`)[0]?.detail).toBe(
      "warmth is not a key of this file; known are format, stores, serve, tokens, vault",
    );
  });

  it.each([`__proto__ = 1\nformat = 1`, `format = 1\n[stores.__proto__]\nkind = "release"`])(
    "is refused when it is __proto__: %j",
    (text) => {
      expect(findings(text)).toEqual([
        {
          code: "CONFIG_INVALID",
          subject: expect.stringMatching(/__proto__$/),
          detail: expect.stringContaining("cannot be a key"),
        },
      ]);
    },
  );
});

describe("what a release holds", () => {
  const storeWith = (artifacts: string, layout = "releases") =>
    `format = 1\n[stores.marts]\nkind = "release"\ndir = "d"\nlayout = "${layout}"\nartifacts = ${artifacts}`;
  const artifactsOf = (artifacts: string, layout?: string) => findings(storeWith(artifacts, layout));

  it.each([
    '[{ kind = "duckdb" }]',
    '[{ kind = "parquet", path = "." }]',
    '[{ kind = "duckdb" }, { kind = "parquet", path = "a/märkte", schema = "märkte" }, { kind = "parquet", path = "b" }, { kind = "sqlite", path = "labels.db" }]',
  ])("%s is taken", (artifacts) => {
    expect(parsed(storeWith(artifacts)).findings).toEqual([]);
  });

  it.each([
    ["[]", /artifacts/],
    ['[{ kind = "duckdb" }, { kind = "duckdb" }]', /one DuckDB file/],
    ['[{ kind = "parquet", path = "mart" }, { kind = "sqlite", path = "mart/x.db" }]', /where another artifact does/],
    ['[{ kind = "parquet", path = "../mart" }]', /relative path/],
    ['[{ kind = "parquet", path = "/mart" }]', /relative path/],
    ['[{ kind = "parquet", path = "build.log" }]', /relative path/],
    ['[{ kind = "parquet", path = ".release" }]', /relative path/],
    ['[{ kind = "parquet", path = "m*" }]', /relative path/],
    ['[{ kind = "sqlite", path = "x.parquet" }]', /another kind/],
    ['[{ kind = "csv", path = "x" }]', /kind/],
  ])("%s is refused", (artifacts, message) => {
    expect(JSON.stringify(artifactsOf(artifacts))).toMatch(message);
  });

  it("more than a DuckDB file has no place in two slots", () => {
    expect(JSON.stringify(artifactsOf('[{ kind = "parquet", path = "mart" }]', "slots"))).toMatch(/layout \\"slots\\"/);
  });
});

describe("a part that is planned is refused by name, never ignored", () => {
  it.each(["vault"])("[%s]", (key) => {
    expect(findings(`format = 1\n[${key}]\nx = 1`)).toEqual([
      { code: "FEATURE_MISSING", subject: key, detail: `${key} is not in this version` },
    ]);
  });

  it.each(["warehouse", "sqlite", "rolling", "runs"])("kind %s, whose other keys are left alone", (kind) => {
    expect(findings(`format = 1\n[stores.options]\nkind = "${kind}"\npath = "x"\nowner = 5`)).toEqual([
      {
        code: "FEATURE_MISSING",
        subject: "stores.options.kind",
        detail: `stores.options.kind = "${kind}" is not in this version`,
      },
    ]);
  });
});

describe("a value that cannot be", () => {
  it.each([
    ["", "format", "say format = 1"],
    ["format = 2", "format", "it must be 1"],
    [`format = 1\n[stores.Holdings]\nkind = "release"\ndir = "d"\nlayout = "slots"`, "stores.Holdings", "not a store id"],
    [
      `format = 1\n${store}build = { command = ["etl"], sql = "sql" }`,
      "stores.holdings.build.sql",
      "must be left out where there is a command",
    ],
    [
      `format = 1\n[stores.holdings]\nkind = "release"\ndir = "d"\nspace = "2x"`,
      "stores.holdings.space",
      'must be "3x" or left out with layout "releases"',
    ],
    [`format = 1\nstores = 3`, "stores", "must be a table"],
    [`format = 1\n[stores.a]\ndir = "d"\nlayout = "slots"`, "stores.a.kind", 'say kind = "release"'],
    [`format = 1\n${store.replace("release", "relaese")}`, "stores.holdings.kind", 'did you mean "release"?'],
    [`format = 1\n${store}basename = "memory"`, "stores.holdings.basename", "DuckDB keeps"],
    [`format = 1\n${store}basename = "a/b"`, "stores.holdings.basename", "file name stem"],
    [`format = 1\n${store}fallback = "env:9"`, "stores.holdings.fallback", "name of a variable"],
    [`format = 1\n${store}fallback = ""`, "stores.holdings.fallback", "must not be empty"],
    [`format = 1\n${store}reader = { freshness = "strit" }`, "stores.holdings.reader.freshness", 'did you mean "strict"?'],
    [`format = 1\n${store}reader = { wait = 30 }`, "stores.holdings.reader.wait", "must be a duration"],
    [`format = 1\n${store}reader = { poll = "1ms" }`, "stores.holdings.reader.poll", "from 10ms to 1d"],
    [`format = 1\n${store}build = { command = "python etl.py" }`, "stores.holdings.build.command", "must be an array"],
    [`format = 1\n${store}build = { command = [] }`, "stores.holdings.build.command", "must not be empty"],
    [`format = 1\n${store}build = { command = [""] }`, "stores.holdings.build.command", "begin with a program"],
    [`format = 1\n${store}checks = [{ check = "row", table = "t" }]`, "stores.holdings.checks[0].check", 'did you mean "rows"?'],
    [`format = 1\n${store}checks = [{ check = "rows", table = "t" }]`, "stores.holdings.checks[0]", "needs min, max or drift"],
    [
      `format = 1\n${store}checks = [{ check = "rows", table = "t", min = 2, max = 1 }]`,
      "stores.holdings.checks[0]",
      "min above its max",
    ],
    [
      `format = 1\n${store}checks = [{ check = "rows", table = "t", min = 0.5 }]`,
      "stores.holdings.checks[0].min",
      "must be a whole number",
    ],
    ...checkFaults.map(([check, key, rule]) => [
      `format = 1\n${store}checks = [{ ${check} }]`,
      `stores.holdings.checks[0]${key}`,
      rule,
    ]),
    [
      `format = 1\n${store}checks = [{ check = "phantom_rows" }, { check = "phantom_rows" }]`,
      "stores.holdings.checks",
      "once at most",
    ],
    [`format = 1\n${store}checks = [7]`, "stores.holdings.checks[0]", "must be a table"],
  ])("%j", (text, subject, rule) => {
    expect(findings(text)).toContainEqual({ code: "CONFIG_INVALID", subject, detail: expect.stringContaining(rule) });
  });

  it("lists all faults, not only the first", () => {
    const found = findings(`format = 3\nx = 1\n${store}space = "9x"\nreader = { poll = "1" }`);
    expect(found.map((finding) => finding.subject).toSorted()).toEqual([
      "format",
      "stores.holdings.reader.poll",
      "stores.holdings.space",
      "x",
    ]);
  });

  it("refuses two stores in one folder, however it is spelt", () => {
    const found = findings(`format = 1\n${store}[stores.other]\nkind = "release"\ndir = "./data/"\nlayout = "slots"`);
    expect(found).toMatchObject([
      { code: "CONFIG_INVALID", subject: "stores.other.dir", detail: expect.stringContaining("[stores.holdings]") },
    ]);
  });
});
