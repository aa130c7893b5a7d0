import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { CheckResult } from "../../model/check.ts";
import type { StoreEvent } from "../../model/events.ts";
import type { StoreEventFeed } from "../../release/events.ts";
import type { Workspace } from "../../workspace/api.ts";
import type { ServerLog } from "../server.ts";
import type { Samples } from "./samples.ts";

const outcomes = ["switched", "refused", "failed"] as const;

/** What the history needs. */
export interface HistorySource {
  readonly workspace: Pick<Workspace, "eventFeed" | "release" | "quarantinedChecks">;
  readonly log: Pick<ServerLog, "warn">;
}

/**
 * What a store's history says, counted. The whole of it is read when it is first asked for, so that no count starts low and then leaps; from then on only what
 * was added since.
 */
export class HistoryFigures {
  readonly #store: string;
  readonly #source: HistorySource;
  readonly #publishes = { switched: 0, refused: 0, failed: 0 };
  #rollbacks = 0;
  #lastPublishMs: number | undefined;
  #feed: StoreEventFeed | undefined;
  #line = 0;
  #reading: Promise<void> | undefined;
  #told: string | undefined;
  /** The last publish, whatever came of it, until its checks have been read. */
  #unread: StoreEvent | undefined;
  #checks: readonly CheckResult[] = [];

  constructor(store: string, source: HistorySource) {
    this.#store = store;
    this.#source = source;
  }

  /** Reads what was added since the last time. Never throws: what could be counted before still counts. */
  async read(): Promise<void> {
    // Those who ask at the same time share one reading.
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  /** Tells what was counted. */
  tell(samples: Samples): void {
    const store = this.#store;
    for (const outcome of outcomes) samples.add("lockkeeper_publishes_total", { store, outcome }, this.#publishes[outcome]);
    samples.add("lockkeeper_rollbacks_total", { store }, this.#rollbacks);
    const lastMs = this.#lastPublishMs;
    samples.add("lockkeeper_last_publish_timestamp_seconds", { store }, lastMs === undefined ? undefined : lastMs / 1_000);
    for (const { check, severity, failures } of failuresOf(this.#checks))
      samples.add("lockkeeper_check_failures", { store, check, severity }, failures);
  }

  async #read(): Promise<void> {
    const { workspace } = this.#source;
    try {
      this.#feed ??= workspace.eventFeed(this.#store, { onWarning: (detail) => this.#warn(detail) });
      for await (const event of this.#feed.news()) this.#count(event);
      if (this.#unread) this.#checks = (await this.#checksOf(this.#unread)) ?? [];
      this.#unread = undefined;
      this.#told = undefined;
    } catch (error) {
      this.#warn(firstLine(error));
    }
  }

  #count(event: StoreEvent): void {
    // A history that was put in the place of another is told from its first line.
    if (typeof event.id === "number") {
      if (event.id <= this.#line) return;
      this.#line = event.id;
    }
    if (event.type === "release.switched") return this.#countSwitch(event);
    this.#publishes[event.type === "release.refused" ? "refused" : "failed"] += 1;
    this.#unread = event;
  }

  #countSwitch(event: StoreEvent): void {
    if (event.reason === "rollback") this.#rollbacks += 1;
    if (event.reason === "publish") this.#publishes.switched += 1;
    if (event.reason !== "publish" && event.reason !== "foreign") return;
    this.#lastPublishMs = Date.parse(event.time);
    this.#unread = event;
  }

  /** `undefined` for what had no checks, or none that are still kept. */
  async #checksOf({ type, release, build, reason }: StoreEvent): Promise<readonly CheckResult[] | undefined> {
    const { workspace } = this.#source;
    if (type === "release.refused") return workspace.quarantinedChecks(this.#store, build ?? "");
    if (type !== "release.switched" || reason !== "publish" || release === undefined) return undefined;
    const record = await workspace.release(this.#store, release).catch(() => undefined);
    return record?.checks;
  }

  /** Once for each thing: it is asked for again every few seconds. */
  #warn(detail: string): void {
    if (detail === this.#told) return;
    this.#told = detail;
    this.#source.log.warn({ store: this.#store, detail }, "the history cannot be counted as a whole");
  }
}

/** By kind, not by name: names are the configuration's and the builds' own, and could be any number. */
function failuresOf(checks: readonly CheckResult[]) {
  const byKind = new Map<string, { readonly check: string; readonly severity: string; failures: number }>();
  for (const { check, severity, status } of checks) {
    const key = `${check} ${severity}`;
    const entry = byKind.get(key) ?? { check, severity, failures: 0 };
    if (status === "fail") entry.failures += 1;
    byKind.set(key, entry);
  }
  return [...byKind.values()];
}
