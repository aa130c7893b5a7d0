import type { Registry } from "prom-client";
import type { ServerContext } from "../context.ts";
import type { Gate } from "../gate.ts";
import type { ServerLog } from "../server.ts";
import { HistoryFigures } from "./history.ts";
import type { RequestFigures } from "./requests.ts";
import { Samples } from "./samples.ts";
import { StoreFigures } from "./stores.ts";

/** The Prometheus text format that `ServerMetrics.text` is in. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The figures of one server. They are counted in plain numbers and put into words when somebody asks; of the process, whose own figures take a library, only
 * from the first time on. Nothing is shared between two servers of a process.
 */
export class ServerMetrics {
  readonly #context: ServerContext;
  readonly #requests: RequestFigures;
  readonly #stores: StoreFigures;
  readonly #histories: ReadonlyMap<string, HistoryFigures>;
  #process: Promise<Registry> | undefined;

  constructor(context: ServerContext, parts: { readonly requests: RequestFigures; readonly log: ServerLog }) {
    this.#context = context;
    this.#requests = parts.requests;
    this.#stores = new StoreFigures(context);
    const source = { workspace: context.workspace, log: parts.log };
    this.#histories = new Map(context.stores.names.map((store) => [store, new HistoryFigures(store, source)]));
  }

  /** Everything, of these stores. */
  async text(stores: readonly string[]): Promise<string> {
    const histories = stores.flatMap((store) => this.#histories.get(store) ?? []);
    await Promise.all(histories.map((history) => history.read()));
    const samples = new Samples();
    this.#requests.tell(samples);
    this.#tellAnswers(samples);
    this.#stores.tell(samples, stores);
    for (const history of histories) history.tell(samples);
    this.#process ??= processRegistry();
    return `${samples.render()}\n${await (await this.#process).metrics()}`;
  }

  #tellAnswers(samples: Samples): void {
    const { cache, gate, streamGate } = this.#context;
    tellGate(samples, "answers", gate);
    tellGate(samples, "streams", streamGate);
    const kinds = {
      hit: cache.counts.hits,
      miss: cache.counts.misses,
      shared: cache.counts.shared,
      not_modified: this.#requests.notModified,
      streamed: streamGate.counts.entered,
    };
    for (const [kind, count] of Object.entries(kinds)) samples.add("lockkeeper_answers_total", { kind }, count);
    samples.add("lockkeeper_cache_bytes", {}, cache.size.bytes);
    samples.add("lockkeeper_cache_entries", {}, cache.size.entries);
  }
}

function tellGate(samples: Samples, gate: string, { load, counts }: Gate): void {
  samples.add("lockkeeper_gate_running", { gate }, load.running);
  samples.add("lockkeeper_gate_waiting", { gate }, load.waiting);
  const { full, share, late } = counts;
  for (const [reason, count] of Object.entries({ full, share, late }))
    samples.add("lockkeeper_gate_turned_away_total", { gate, reason }, count);
}

async function processRegistry(): Promise<Registry> {
  const { Registry, collectDefaultMetrics } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
