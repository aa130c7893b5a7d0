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
reader = { freshness = "eventual", drain_timeout = "250ms", fallback_idle = "1s", poll = "2s", wait = "5s", allow_network_fs = true, warmup = ["SELECT 1"], limits = { concurrency = 2, time = "30s", memory = "2GB" } }
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
        limits: { concurrency: 2, time: 30_000, memory: "2GB" },
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

  it("comes before the missing key it was meant to be", () => {
    const found = findings(`format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\nlayuot = "slots"\n`);
    expect(found.map((finding) => finding.subject)).toEqual(["stores.holdings.layuot", "stores.holdings.layout"]);
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

describe("a part that is planned is refused by name, never ignored", () => {
  it.each(["serve", "vault"])("[%s]", (key) => {
    expect(findings(`format = 1\n[${key}]\nx = 1`)).toEqual([
      { code: "FEATURE_MISSING", subject: key, detail: `${key} is not in this version` },
    ]);
  });

  it("[[tokens]]", () => {
    expect(findings(`format = 1\n[[tokens]]\nname = "x"`)[0]).toMatchObject({ code: "FEATURE_MISSING", subject: "tokens" });
  });

  it.each(["queries", "artifacts", "retention", "datasets"])("a store's %s", (key) => {
    expect(findings(`format = 1\n${store}${key} = "x"`)).toMatchObject([
      { code: "FEATURE_MISSING", subject: `stores.holdings.${key}` },
    ]);
  });

  it("the layout releases, said or by default", () => {
    const [said] = findings(`format = 1\n${store.replace("slots", "releases")}`);
    const [missing] = findings(`format = 1\n${store.replace('layout = "slots"', "")}`);
    for (const finding of [said, missing]) {
      expect(finding).toMatchObject({
        code: "FEATURE_MISSING",
        subject: "stores.holdings.layout",
        detail: expect.stringContaining('say layout = "slots"'),
      });
    }
  });

  it("space 2x", () => {
    expect(findings(`format = 1\n${store}space = "2x"`)).toMatchObject([
      { code: "FEATURE_MISSING", subject: "stores.holdings.space" },
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

  it.each(["schema", "unique", "not_null", "accepted", "references", "fresh", "sql"])("check %s", (check) => {
    expect(findings(`format = 1\n${store}checks = [{ check = "${check}", table = "t" }]`)).toMatchObject([
      { code: "FEATURE_MISSING", subject: "stores.holdings.checks[0].check" },
    ]);
  });

  it("drift of rows", () => {
    const found = findings(`format = 1\n${store}checks = [{ check = "rows", table = "t", min = 1, drift = 0.2 }]`);
    expect(found).toMatchObject([{ code: "FEATURE_MISSING", subject: "stores.holdings.checks[0].drift" }]);
  });
});

describe("a value that cannot be", () => {
  it.each([
    ["", "format", "say format = 1"],
    ["format = 2", "format", "it must be 1"],
    [`format = 1\n[stores.Holdings]\nkind = "release"\ndir = "d"\nlayout = "slots"`, "stores.Holdings", "not a store id"],
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
    [`format = 1\n${store}checks = [{ check = "rows", table = "t" }]`, "stores.holdings.checks[0]", "needs min, max or both"],
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
