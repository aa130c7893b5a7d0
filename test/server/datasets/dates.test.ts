import { expect, test } from "vitest";
import { testServer } from "../support/server.ts";

const config = `format = 1\n[stores.marts]\nkind = "release"\ndir = "data"\n[stores.marts.datasets.t]\ndate_column = "at"\n`;

test.each([
  ["DATE", ["2025-12-31", "2026-01-01", "2026-01-02"]],
  ["TIMESTAMP", ["2025-12-31 23:59:59.999", "2026-01-01 23:59:59.999", "2026-01-02 00:00:00"]],
  ["TIMESTAMP_NS", ["2025-12-31 23:59:59.999", "2026-01-01 00:00:00", "2026-01-02 00:00:00"]],
  ["TIMESTAMP WITH TIME ZONE", ["2025-12-31 23:59:59+00", "2026-01-01 18:30:00-05", "2026-01-01 19:30:00-05"]],
] as const)(
  "days of a column of %s: both ends are in, whatever the time of day; of one with a zone days of UTC",
  async (type, [before, on, after]) => {
    const { publish, json } = await testServer(config);
    const last = type === "TIMESTAMP_NS" ? "2262-04-11" : "9999-12-31";
    await publish(
      "marts",
      `CREATE TABLE t AS SELECT unnest([1, 2, 3, 4]) AS n, unnest(['${before}', '${on}', '${after}', '${last}'])::${type} AS at`,
    );
    const found = async (query: string) => {
      const { body } = await json(`/api/analytics/datasets/t/query?${query}`);
      return (body["rows"] as { n: number }[]).map(({ n }) => n);
    };
    expect(await found("start_date=2026-01-01&end_date=2026-01-01")).toEqual([2]);
    expect(await found("end_date=2026-01-01")).toEqual([1, 2]);
    expect(await found("start_date=2026-01-02")).toEqual([3, 4]);
    expect(await found(`start_date=${last}&end_date=${last}`)).toEqual([4]);
    expect(await found("start_date=1000-01-01&end_date=9999-12-31")).toEqual([1, 2, 3, 4]);
  },
);
