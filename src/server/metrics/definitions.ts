/** What a metric is, as `/metrics` and docs/monitoring.md tell it. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** Meaning and unit, one sentence. */
  readonly help: string;
  readonly labels: readonly string[];
}

const counter = (help: string, ...labels: string[]): MetricDefinition => ({ type: "counter", help, labels });
const gauge = (help: string, ...labels: string[]): MetricDefinition => ({ type: "gauge", help, labels });
const histogram = (help: string, ...labels: string[]): MetricDefinition => ({ type: "histogram", help, labels });

/** Every metric of ours, by name, in the order of `/metrics`. Values of each label are bounded: by routes, by the configuration, by lists in the sources. */
export const metricDefinitions = {
  lockkeeper_http_requests_total: counter("Requests that were answered.", "route", "method", "status"),
  lockkeeper_http_request_duration_seconds: histogram(
    "Time to an answer; to the first byte of one that is streamed.",
    "route",
    "method",
  ),
  lockkeeper_http_requests_in_flight: gauge("Requests without an answer yet."),
  lockkeeper_gate_running: gauge("Answers that are being made.", "gate"),
  lockkeeper_gate_waiting: gauge("Requests that wait for their turn.", "gate"),
  lockkeeper_gate_turned_away_total: counter("Requests that did not get a turn.", "gate", "reason"),
  lockkeeper_answers_total: counter("Answers from data by how they came about.", "kind"),
  lockkeeper_cache_bytes: gauge("Size of the answers that are kept."),
  lockkeeper_cache_entries: gauge("Answers that are kept."),
  lockkeeper_serving_version: gauge("Version that answers come from; absent where nothing serves.", "store"),
  lockkeeper_published_version: gauge("Version that the manifest names; absent where no manifest can be read.", "store"),
  lockkeeper_release_age_seconds: gauge("Time since the release that serves became active.", "store"),
  lockkeeper_generations: gauge("Releases that are open.", "store", "state"),
  lockkeeper_switches_total: counter("Switches that this server followed.", "store"),
  lockkeeper_switch_seconds: histogram("Time from a manifest's lastUpdated to its release serving here.", "store"),
  lockkeeper_degraded: gauge("1 while what is published cannot be served, or nothing can.", "store"),
  lockkeeper_alarm: gauge("1 while the alarm is raised.", "store", "alarm"),
  lockkeeper_publishes_total: counter("Publishes in the store's history.", "store", "outcome"),
  lockkeeper_rollbacks_total: counter("Rollbacks in the store's history.", "store"),
  lockkeeper_last_publish_timestamp_seconds: gauge(
    "When a publish last switched, another program's included, in seconds since 1970.",
    "store",
  ),
  lockkeeper_check_failures: gauge("Checks of the last publish that failed.", "store", "check", "severity"),
} as const satisfies Record<string, MetricDefinition>;

/** The name of a metric of ours. */
export type MetricName = keyof typeof metricDefinitions;
