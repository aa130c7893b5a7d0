import { expect, test } from "vitest";
import { parse } from "yaml";
import { alarmNames } from "../../src/server/alarms/alarm.ts";
import { metricDefinitions } from "../../src/server/metrics/definitions.ts";
import { readText } from "../house/sources.ts";
import { labelsOf, parseExposition, type Exposed } from "./support/exposition.ts";
import { nextEvent, serveWatched, storeConfig, timedBuild } from "./support/watched.ts";

/** What `/metrics` tells of a server on which everything has happened that it counts. */
async function everything(): Promise<Map<string, Exposed>> {
  const served = await serveWatched(storeConfig("holdings"));
  await served.workspace.publish("holdings", timedBuild(1));
  await served.look();
  const switched = nextEvent(served, "holdings", "switch");
  await served.workspace.publish("holdings", timedBuild(2));
  await served.get("/v1/stores/holdings/tables/t/rows");
  await switched;
  return parseExposition(await (await served.get("/metrics")).text());
}

/** Cells of a page's table rows that begin with a name in backticks. */
function rowsOf(page: string): string[][] {
  return [...page.matchAll(/^\| (`.*)\|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));
}

/** Names in backticks. */
function quotedIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

/** Metrics that are no metric of `exposed`; of a histogram its three series are. */
function strangers(expressions: readonly string[], exposed: ReadonlyMap<string, Exposed>): string[] {
  const known = new Set(
    [...exposed].flatMap(([name, { type }]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const used = expressions.flatMap((expression) => expression.match(/\blockkeeper_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(0);
  return [...new Set(used)].filter((name) => !known.has(name));
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly w: number };
    readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

interface AlertRules {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string; readonly description: string };
    }[];
  }[];
}

test("the page, the dashboard and the alert rules speak of the metrics that there are", async () => {
  const exposed = await everything();
  const page = readText("docs/monitoring.md");

  const ours = [...exposed].filter(([name]) => name.startsWith("lockkeeper_"));
  const told = ours.map(([name, metric]) => [name, metric.type, labelsOf(metric)]);
  const documented = rowsOf(page)
    .filter(([name = ""]) => name.startsWith("`lockkeeper_"))
    .map(([name = "", type = "", labels = ""]) => [quotedIn(name)[0], type, quotedIn(labels).toSorted()]);
  expect(documented).toEqual(told);
  expect(ours.filter(([, { samples }]) => samples.size === 0)).toEqual([]);
  expect(ours.map(([name]) => name)).toEqual(Object.keys(metricDefinitions));
  for (const [name, { labels }] of Object.entries(metricDefinitions))
    expect([name, labelsOf(exposed.get(name) ?? { type: "", help: "", samples: new Map() })]).toEqual([name, labels.toSorted()]);

  const dashboard = JSON.parse(readText("deploy/grafana/lockkeeper.json")) as Dashboard;
  const panels = dashboard.panels.filter(({ type }) => type !== "row");
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const definitions = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
  expect(strangers([...expressions, ...definitions], exposed)).toEqual([]);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  expect(panels.filter(({ targets = [], gridPos }) => targets.length === 0 || gridPos.x + gridPos.w > 24)).toEqual([]);

  const { groups } = parse(readText("deploy/prometheus/alerts.yml")) as AlertRules;
  const rules = groups.flatMap((group) => group.rules);
  expect(
    strangers(
      rules.map(({ expr }) => expr),
      exposed,
    ),
  ).toEqual([]);
  const alarms = rules.flatMap(({ expr }) => [...expr.matchAll(/alarm="(\w+)"/g)].map(([, name = ""]) => name));
  expect(alarms.toSorted()).toEqual([...alarmNames].toSorted());
  for (const { labels, annotations } of rules) {
    expect(["critical", "warning"]).toContain(labels.severity);
    expect(Object.keys(annotations)).toEqual(["summary", "description"]);
  }
});

test("a metric that there is not is found, and a series that a histogram has not", () => {
  const exposed = parseExposition("# HELP lockkeeper_a b\n# TYPE lockkeeper_a histogram\n");
  expect(strangers(["rate(lockkeeper_a_bucket[5m]) + lockkeeper_a + lockkeeper_b"], exposed)).toEqual([
    "lockkeeper_a",
    "lockkeeper_b",
  ]);
  for (const broken of ["a 1", "# HELP a b\n# TYPE a counter\na x", "# HELP a b\n# TYPE a counter\na 1\na 1"])
    expect(() => parseExposition(broken)).toThrow(/^(twice|no line of the format|no number): /);
});

test("the page tells every alarm, and what to do about it", () => {
  const [, part = ""] = /^## Alarms\n([^]*?)^## /m.exec(readText("docs/monitoring.md")) ?? [];
  const told = rowsOf(part).map(([name = "", , , advice = ""]) => [quotedIn(name)[0], advice.length > 20]);
  expect(told).toEqual(alarmNames.map((name) => [name, true]));
});
