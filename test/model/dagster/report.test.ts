import { describe, expect, it } from "vitest";
import type { CheckResult } from "../../../src/model/check.ts";
import { checkMessages, dagsterCheckName, resultsOfCheck } from "../../../src/model/dagster/checks.ts";
import { materializations, refusalException } from "../../../src/model/dagster/report.ts";
import type { PublishResult } from "../../../src/model/results.ts";

function check(name: string, more: Partial<CheckResult> = {}): CheckResult {
  return {
    name,
    check: "rows",
    severity: "error",
    status: "pass",
    observed: "3",
    expected: "2",
    message: `${name} it is`,
    ...more,
  };
}

function switched(more: Partial<PublishResult> = {}): PublishResult {
  return {
    store: "marts",
    outcome: "switched",
    release: "r000002",
    version: 7,
    previous: { release: "r000001", version: 6 },
    checks: [check("opens")],
    tables: [
      { schema: "main", name: "companies", rows: 3 },
      { schema: "raw", name: "filings", rows: 40 },
      { schema: "main", name: "latest" },
    ],
    switchMs: 1.6,
    ...more,
  };
}

const options = { durationMs: 1234.5, origin: "http://127.0.0.1:4600" };

function told(assets: readonly string[], result = switched()) {
  return materializations(result, { ...options, assets }).map(({ params }) => params) as {
    readonly asset_key: string;
    readonly metadata: Record<string, { readonly type: string; readonly raw_value: unknown }>;
  }[];
}

describe("materialisations", () => {
  it("the only asset has the release with the rows of every table", () => {
    expect(told(["db/marts"])).toEqual([
      {
        asset_key: "db/marts",
        data_version: "r000002",
        metadata: {
          tables: { type: "int", raw_value: 3 },
          rows: { type: "json", raw_value: { companies: 3, "raw.filings": 40 } },
          store: { type: "text", raw_value: "marts" },
          release: { type: "text", raw_value: "r000002" },
          version: { type: "int", raw_value: 7 },
          previous: { type: "text", raw_value: "r000001" },
          checks: { type: "text", raw_value: "1 passed" },
          duration_ms: { type: "int", raw_value: 1235 },
          switch_ms: { type: "int", raw_value: 2 },
          url: { type: "url", raw_value: "http://127.0.0.1:4600/v1/stores/marts/releases/r000002" },
        },
      },
    ]);
  });

  it("of several assets each has the rows of its own table, the others the release alone", () => {
    const [companies, marts] = told(["Companies", "marts"]);
    expect(companies?.metadata).toMatchObject({
      table: { type: "text", raw_value: "companies" },
      "dagster/row_count": { type: "int", raw_value: 3 },
      release: { raw_value: "r000002" },
    });
    expect(marts?.metadata).toMatchObject({ release: { raw_value: "r000002" } });
    for (const { metadata } of [companies, marts].filter((each) => each !== undefined))
      expect(metadata).not.toHaveProperty("rows");
    expect(marts?.metadata).not.toHaveProperty("table");
  });

  it("a view has no rows; where nothing is served there is no address", () => {
    expect(told(["latest", "marts"])[0]?.metadata).not.toHaveProperty("dagster/row_count");
    const [message] = materializations(switched(), { assets: ["marts"], durationMs: 1, origin: undefined });
    expect(JSON.stringify(message)).not.toContain("url");
  });

  it.each(["refused", "planned"] as const)("none of what was %s", (outcome) => {
    expect(told(["marts"], switched({ outcome }))).toEqual([]);
  });

  it("none of a step without assets", () => {
    expect(told([])).toEqual([]);
  });
});

describe("names of checks", () => {
  it.each([
    ["rows_companies", "rows_companies"],
    ["rows_main.companies", "rows_main_companies"],
    ["source total: 2026-11", "source_total_2026_11"],
    ["größe", "gr_e"],
    ["…", "_"],
    ["", "_"],
  ])("%j is %j", (name, expected) => {
    expect(dagsterCheckName(name)).toBe(expected);
    expect(expected).toMatch(/^[A-Za-z0-9_]+$/);
  });

  const results = [check("rows a"), check("rows_a", { status: "fail" }), check("rows_a_1x"), check("views")];

  it("several results of a name are one check, and each by its number", () => {
    expect(resultsOfCheck("rows_a", results)).toEqual(results.slice(0, 2));
    expect(resultsOfCheck("rows_a_1", results)).toEqual([results[0]]);
    expect(resultsOfCheck("rows_a_2", results)).toEqual([results[1]]);
    for (const none of ["rows_a_0", "rows_a_3", "rows_a_02", "other", "_1"]) expect(resultsOfCheck(none, results)).toEqual([]);
  });

  it("release_checks is all of them, unless one is called that", () => {
    expect(resultsOfCheck("release_checks", results)).toEqual(results);
    const own = check("release checks");
    expect(resultsOfCheck("release_checks", [...results, own])).toEqual([own]);
  });
});

describe("messages of checks", () => {
  const messages = (result: PublishResult, ...names: string[]) =>
    checkMessages(result, new Map([["marts", names]])).map(({ params }) => params) as Record<string, unknown>[];

  it("tell what was seen, of each that is declared and of no other", () => {
    const failed = check("rows_companies", {
      status: "fail",
      severity: "warn",
      table: "companies",
      column: "cik",
      sql: "SELECT 1",
    });
    expect(messages(switched({ checks: [failed, check("opens")] }), "rows_companies")).toEqual([
      {
        asset_key: "marts",
        check_name: "rows_companies",
        passed: false,
        severity: "WARN",
        metadata: {
          message: { type: "text", raw_value: "rows_companies it is" },
          observed: { type: "text", raw_value: "3" },
          expected: { type: "text", raw_value: "2" },
          table: { type: "text", raw_value: "companies" },
          column: { type: "text", raw_value: "cik" },
          sql: { type: "text", raw_value: "SELECT 1" },
          check: { type: "text", raw_value: "rows" },
          name: { type: "text", raw_value: "rows_companies" },
          status: { type: "text", raw_value: "fail" },
          release: { type: "text", raw_value: "r000002" },
        },
      },
    ]);
  });

  it.each([
    [[check("a"), check("a", { status: "fail", severity: "warn" })], false, "WARN"],
    [[check("a", { status: "fail" }), check("a", { status: "fail", severity: "warn" })], false, "ERROR"],
    [[check("a"), check("a", { severity: "warn" })], true, "ERROR"],
    [[check("a", { severity: "warn" })], true, "WARN"],
    [[check("a", { status: "skip" })], true, "ERROR"],
  ])("a check fails where one of its results does: %#", (checks, passed, severity) => {
    expect(messages(switched({ checks }), "a")).toMatchObject([{ passed, severity }]);
  });

  it("of a declared check that has not run a warning; after a refusal nothing", () => {
    expect(messages(switched(), "other")).toMatchObject([
      {
        check_name: "other",
        passed: false,
        severity: "WARN",
        metadata: { message: { raw_value: "no check of the name other has run" } },
      },
    ]);
    expect(messages(switched({ outcome: "refused" }), "other")).toEqual([]);
  });

  it("release_checks counts, and lists what failed", () => {
    const checks = [check("a"), check("b", { status: "fail", severity: "warn" }), check("c", { status: "skip" })];
    expect(messages(switched({ checks }), "release_checks")).toMatchObject([
      {
        passed: false,
        severity: "WARN",
        metadata: {
          message: { raw_value: "1 passed, 1 failed, 1 skipped" },
          results: { type: "json", raw_value: [{ name: "b", status: "fail", severity: "warn", message: "b it is" }] },
        },
      },
    ]);
  });

  it("of a refused build they name where it lies", () => {
    const refused = switched({ outcome: "refused", release: undefined, build: "6f1c0a9be2d4", quarantine: "/q/6f1c0a9be2d4" });
    expect(messages(refused, "opens")[0]?.["metadata"]).toMatchObject({
      build: { type: "text", raw_value: "6f1c0a9be2d4" },
      quarantine: { type: "path", raw_value: "/q/6f1c0a9be2d4" },
    });
  });
});

it("a refusal names the checks that refused, a few of many, and where the build lies", () => {
  const checks = [
    check("warned", { status: "fail", severity: "warn" }),
    ...Array.from({ length: 7 }, (_, n) => check(`c${n}`, { status: "fail" })),
  ];
  const { name, message } = refusalException(switched({ outcome: "refused", checks, quarantine: "/q" }));
  expect(name).toBe("ReleaseRefused");
  expect(message).toBe(
    `ReleaseRefused: marts: the build was refused; what was active stays active\n${[0, 1, 2, 3, 4].map((n) => `c${n}: c${n} it is\n`).join("")}and 2 more\nIt is kept for a look in /q\n`,
  );
});
