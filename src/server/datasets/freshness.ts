import type { DatasetFreshness } from "../../model/analytics.ts";
import { judgeAges, type FreshRule } from "../../model/freshness.ts";
import { readAge, type ReadTools } from "../alarms/ages.ts";
import type { ServedRelease } from "../answer.ts";
import { servedTable } from "../tables/catalogue.ts";
import type { ReleaseDatasets, ServedDataset } from "./datasets.ts";

/** What freshness is judged by. */
export interface FreshnessRequest {
  readonly store: string;
  readonly found: ReleaseDatasets;
  readonly rules: readonly FreshRule[];
}

/**
 * How old a dataset is: by the `fresh` check of its table, else by when its release was published. The newest row of a dataset with a scope may be another's: its column is not read.
 */
export async function datasetFreshness(
  release: ServedRelease,
  dataset: ServedDataset,
  { store, found, rules, ...tools }: FreshnessRequest & ReadTools,
): Promise<DatasetFreshness> {
  const { definition, table, scope } = dataset;
  const rule = scope ? undefined : rules.find((each) => table !== undefined && servedTable(found.tables, each.table) === table);
  const snapshot = tools.now.toISOString();
  const head = { unique_id: `dataset.${store}.${definition.id}`, snapshotted_at: snapshot };
  const seen = rule && (await readAge(release, rule, tools));
  const isPublished = rule === undefined || seen === undefined;
  const seenMs = seen !== undefined && "newestMs" in seen ? seen.newestMs : undefined;
  const newestMs = isPublished ? Date.parse(release.lastUpdated) : seenMs;
  const isKnown = newestMs !== undefined && !Number.isNaN(newestMs);
  return {
    ...head,
    max_loaded_at: isKnown ? new Date(newestMs).toISOString() : null,
    max_loaded_at_time_ago_in_s: isKnown ? Math.max(0, (tools.now.getTime() - newestMs) / 1000) : null,
    status: isPublished ? "pass" : statusOf(rule, seen, tools.now),
    criteria: { warn_after: threshold(rule?.warn_after), error_after: threshold(rule?.error_after), filter: null },
  };
}

function statusOf(rule: FreshRule, seen: Awaited<ReturnType<typeof readAge>>, now: Date): DatasetFreshness["status"] {
  if ("problem" in seen) return "error";
  const { status, severity } = judgeAges(rule, seen, now.getTime());
  if (status === "pass") return "pass";
  return severity === "error" ? "error" : "warn";
}

/** dbt counts in minutes, hours or days: the largest that comes out even. */
function threshold(ms: number | undefined): DatasetFreshness["criteria"]["warn_after"] {
  if (ms === undefined) return null;
  const minutes = Math.round(ms / 60_000);
  if (minutes % 1_440 === 0) return { count: minutes / 1_440, period: "day" };
  return minutes % 60 === 0 ? { count: minutes / 60, period: "hour" } : { count: minutes, period: "minute" };
}
