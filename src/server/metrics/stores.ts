import type { ReaderStatus } from "../../reader/status.ts";
import { alarmNames } from "../alarms/alarm.ts";
import type { ServerContext } from "../context.ts";
import { Histogram } from "./histogram.ts";
import type { Samples } from "./samples.ts";

/** From 10 ms, a switch that a busy reader follows, to 60 s, one that an alarm tells of. Seconds. */
const switchBounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const generationStates = ["warming", "active", "kept", "draining"] as const;

interface SwitchFigures {
  count: number;
  readonly seconds: Histogram;
}

/** What readers serve, and the switches they followed. */
export class StoreFigures {
  readonly #context: Pick<ServerContext, "stores" | "alarms" | "clock">;
  readonly #switches = new Map<string, SwitchFigures>();

  constructor(context: Pick<ServerContext, "stores" | "alarms" | "clock">) {
    this.#context = context;
    const { stores, clock } = context;
    for (const store of stores.names) this.#switches.set(store, { count: 0, seconds: new Histogram(switchBounds) });
    stores.onOpen((store, reader) =>
      reader.on("switch", ({ mode, lastUpdated }) => {
        const figures = this.#switches.get(store);
        if (!figures) return;
        figures.count += 1;
        const updatedMs = mode === "manifest" ? Date.parse(lastUpdated ?? "") : NaN;
        // Of a publisher whose clock is ahead of this one.
        if (!Number.isNaN(updatedMs)) figures.seconds.observe(Math.max(clock.now().getTime() - updatedMs, 0) / 1_000);
      }),
    );
  }

  /** Tells of some stores. */
  tell(samples: Samples, stores: readonly string[]): void {
    for (const store of stores) {
      const status = this.#context.stores.peek(store)?.status();
      if (status) this.#tellServed(samples, store, status);
      samples.add("lockkeeper_degraded", { store }, status?.lastManifestError === null ? 0 : 1);
      const raised = new Set(this.#context.alarms.raised(store).map(({ alarm }) => alarm));
      for (const alarm of alarmNames) samples.add("lockkeeper_alarm", { store, alarm }, raised.has(alarm) ? 1 : 0);
      const switches = this.#switches.get(store);
      if (!switches) continue;
      samples.add("lockkeeper_switches_total", { store }, switches.count);
      samples.addHistogram("lockkeeper_switch_seconds", { store }, switches.seconds);
    }
  }

  #tellServed(samples: Samples, store: string, status: ReaderStatus): void {
    samples.add("lockkeeper_serving_version", { store }, status.servingVersion);
    samples.add("lockkeeper_published_version", { store }, status.publishedVersion ?? undefined);
    const updatedMs = Date.parse(status.lastUpdated ?? "");
    const ageMs = Number.isNaN(updatedMs) ? undefined : this.#context.clock.now().getTime() - updatedMs;
    samples.add("lockkeeper_release_age_seconds", { store }, ageMs === undefined ? undefined : ageMs / 1_000);
    for (const state of generationStates) {
      const count = status.generations.filter((generation) => generation.state === state).length;
      samples.add("lockkeeper_generations", { store, state }, count);
    }
  }
}
