import { metricDefinitions, type MetricDefinition, type MetricName } from "./definitions.ts";
import type { Histogram } from "./histogram.ts";

/** Values of labels, by name. */
export type Labels = Readonly<Record<string, string>>;

/** What is told at one scrape, as lines of the Prometheus text format 0.0.4. */
export class Samples {
  readonly #lines = new Map<MetricName, string[]>();

  /** A value of a counter or gauge; `undefined` is left out. */
  add(name: MetricName, labels: Labels, value: number | undefined): void {
    if (value !== undefined) this.#push(name, line(name, labels, value));
  }

  /** A histogram. */
  addHistogram(name: MetricName, labels: Labels, histogram: Histogram): void {
    for (const { bound, count } of histogram.cumulated())
      this.#push(name, line(`${name}_bucket`, { ...labels, le: String(bound) }, count));
    this.#push(name, line(`${name}_bucket`, { ...labels, le: "+Inf" }, histogram.count));
    this.#push(name, line(`${name}_sum`, labels, histogram.sum));
    this.#push(name, line(`${name}_count`, labels, histogram.count));
  }

  /** Every metric, those without a sample by their head alone: who reads this knows what there may be. */
  render(): string {
    const all: [string, MetricDefinition][] = Object.entries(metricDefinitions);
    return all
      .flatMap(([name, { type, help }]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...(this.#lines.get(name as MetricName) ?? []),
        "",
      ])
      .join("\n");
  }

  #push(name: MetricName, text: string): void {
    const lines = this.#lines.get(name);
    if (lines) lines.push(text);
    else this.#lines.set(name, [text]);
  }
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
