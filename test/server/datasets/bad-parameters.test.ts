import { expect, test } from "vitest";
import { martServer } from "./marts.ts";

/** Bad parameters of a dataset's query, with what the answer must name. */
const bad: readonly (readonly [query: string, named: string])[] = [
  ...["0", "-1", "10001", "1.5", "1e3", "ten", "", " ", "0x10", "99999999999999999999", "1;2", "%00"].map(
    (value) => [`limit=${value}`, "limit"] as const,
  ),
  ...["-1", "1.5", "x", "", "1000000001", "99999999999999999999", "NaN"].map((value) => [`offset=${value}`, "offset"] as const),
  ...[
    "2026-13-01",
    "2026-02-30",
    "2026-1-1",
    "01/02/2026",
    "yesterday",
    "",
    "2026-01-01T00:00:00",
    "0000-01-01",
    "20260101",
    "2026-01-01'--",
  ].flatMap((value) => [
    [`start_date=${encodeURIComponent(value)}`, "start_date"] as const,
    [`end_date=${encodeURIComponent(value)}`, "end_date"] as const,
  ]),
  ["start_date=2026-01-02&end_date=2026-01-01", "start_date"],
  ["limit=1&limit=2", "limit"],
  ["start_date=2026-01-01&start_date=2026-01-02", "start_date"],
  ["release=..%2F..", "release"],
  ["release=", "release"],
  ["user_id=x", "user_id"],
  ["user_id=1&user_id=x", "user_id"],
  ["user_id_min=x", "user_id_min"],
  ["user_id_min=1&user_id_min=2", "user_id_min"],
  ["user_id_max=", "user_id_max"],
  ["user_id=99999999999999999999", "user_id"],
  ["amount=abc", "amount"],
  ["amount_min=1,5", "amount_min"],
  ["big=1.0.0", "big"],
  ["day=2026-02-30", "day"],
  ["day_min=tomorrow", "day_min"],
  ["loaded_at=noon", "loaded_at"],
  ["even=maybe", "even"],
  ["even_min=true", "even_min"],
  ["category_min=a", "category_min"],
  ["parts=1", "parts"],
  ["parts_max=1", "parts_max"],
  ["categroy=food", "categroy"],
  ["nothing=1", "nothing"],
  ["nothing_min=1", "nothing_min"],
  ["sort=-day", "sort"],
  ["select=day", "select"],
  ["where.day.eq=2026-01-01", "where.day.eq"],
  ["page=abc", "page"],
  ["format=csv", "format"],
  ["__proto__=1", "__proto__"],
  ["constructor=1", "constructor"],
  ["category%00=food", "category"],
  ["=1", '""'],
  [`${"x".repeat(300)}=1`, "xxx"],
  ["big=1&".repeat(1_001).slice(0, -1), "values"],
];

/** The same of a dataset whose filters are said. */
const badFiltered: readonly (readonly [query: string, named: string])[] = [
  ["category=fun", "category"],
  ["category=food,fun", "category"],
  ["category=", "category"],
  ["category_min=a", "category_min"],
  ["amount=1", "amount"],
  ["amount_min=x", "amount_min"],
  ["day=2026-01-01&day=2026-01-02", "day"],
  ["day_min=2026-01-01", "day_min"],
  ["big_min=1", "big_min"],
  ["big=1,x", "big"],
  ["user_id=1", "user_id"],
  ["ratio_min=1", "ratio_min"],
];

test(`${bad.length + badFiltered.length} bad parameters: each is 4xx with a code and the parameter's name, and nothing else is told`, async () => {
  const { json } = await martServer("duckdb");
  const all = [
    ...bad.map((each) => ["spend", ...each] as const),
    ...badFiltered.map((each) => ["spend_filtered", ...each] as const),
  ];
  expect(all.length).toBeGreaterThanOrEqual(60);
  for (const [dataset, query, named] of all) {
    const { status, body, headers } = await json(`/api/analytics/datasets/${dataset}/query?${query}`);
    expect([query, status, body["code"], headers.get("Content-Type")]).toEqual([
      query,
      400,
      "REQUEST_INVALID",
      "application/problem+json",
    ]);
    expect([query, String(body["detail"])]).toEqual([query, expect.stringContaining(named)]);
    expect(JSON.stringify(body)).not.toMatch(/SELECT|FROM|data\/|at .*\.js/);
  }
});

test.each([
  ["/api/analytics/datasets/SPEND/query", 400, "REQUEST_INVALID"],
  ["/api/analytics/datasets/..%2Fx/query", 400, "REQUEST_INVALID"],
  ["/api/analytics/datasets/spendd/query", 404, "DATASET_UNKNOWN"],
  ["/api/analytics/datasets/spendd/schema", 404, "DATASET_UNKNOWN"],
  ["/api/analytics/datasets/spendd/freshness", 404, "DATASET_UNKNOWN"],
  ["/api/analytics/datasets/spend/query?release=r000099", 404, "RELEASE_UNKNOWN"],
  ["/api/analytics/datasets/spend/schema?limit=1", 400, "REQUEST_INVALID"],
  ["/api/analytics/datasets?limit=1", 400, "REQUEST_INVALID"],
  ["/api/analytics/status?x=1", 400, "REQUEST_INVALID"],
  ["/api/analytics/refresh/xyz", 403, "LEVEL_REFUSED"],
  ["/api/analytics", 404, "ROUTE_UNKNOWN"],
] as const)("%s is %i %s", async (path, status, code) => {
  const { json } = await martServer("duckdb");
  const answer = await json(path);
  expect([answer.status, answer.body["code"]]).toEqual([status, code]);
});

test("a date column that is none is the configuration's fault; a dataset without one has no days", async () => {
  const { json } = await martServer("duckdb", {
    store: '[stores.marts.datasets.odd]\ntable = "mart.dim_category"\ndate_column = "name"\n',
  });
  const odd = await json("/api/analytics/datasets/odd/query?start_date=2026-01-01");
  expect([odd.status, odd.body["code"]]).toEqual([500, "CONFIG_INVALID"]);
  const none = await json("/api/analytics/datasets/dim_category/query?end_date=2026-01-01");
  expect([none.status, none.body["detail"]]).toEqual([400, expect.stringContaining("end_date")]);
});
