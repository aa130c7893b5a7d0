import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { FreshRule } from "../../model/freshness.ts";
import type { ServeAlarms } from "../../model/serve-config.ts";
import type { Clock } from "../../platform/port.ts";
import type { ServerLog } from "../server.ts";
import type { ServedStores } from "../stores.ts";
import type { Catalogues } from "../tables/catalogue.ts";
import { StoreAges } from "./ages.ts";
import { alarmNames, type Alarm, type AlarmName, type Tell, type Trouble } from "./alarm.ts";
import { Latch, type LatchChange } from "./latch.ts";
import { behindTrouble, drainingTrouble, failingTrouble, type StoreLook } from "./troubles.ts";

/** How often the watch looks: a `stat` of each manifest. Milliseconds. */
export const lookEveryMs = 1_000;

/** What a watch needs. */
export interface WatchParts {
  readonly stores: ServedStores;
  readonly clock: Clock;
  readonly catalogues: Catalogues;
  readonly limits: ServeAlarms;
  /** The `fresh` checks of a store. */
  readonly freshRules: (store: string) => readonly FreshRule[];
  readonly log: Pick<ServerLog, "info" | "warn" | "error">;
  readonly tell: Tell;
}

interface WatchedStore {
  readonly ages: StoreAges;
  readonly latches: ReadonlyMap<AlarmName, Latch>;
  /** Since when the release that serves is not the one that is published. Monotonic. */
  behindSinceMs: number | undefined;
}

/** Looks at every served store once a second, opens readers that are not open, and raises alarms: an answer of status 200 does not tell that its data stopped moving. */
export class AlarmWatch {
  readonly #parts: WatchParts;
  readonly #stores = new Map<string, WatchedStore>();
  #stop: (() => void) | undefined;
  #lookedAtMs: number | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { stores, clock, catalogues } = parts;
    const tools = { catalogues, now: () => clock.now(), closing: stores.closing };
    for (const store of stores.names) {
      this.#stores.set(store, {
        ages: new StoreAges(parts.freshRules(store), tools),
        latches: new Map(alarmNames.map((name) => [name, new Latch()])),
        behindSinceMs: undefined,
      });
    }
    stores.onOpen((store, reader) => reader.on("switch", () => this.#onSwitch(store)));
  }

  /** Begins to look. */
  start(): void {
    this.#stop ??= this.#parts.clock.every(lookEveryMs, () => this.look());
  }

  /** Looks no more. */
  stop(): void {
    this.#stop?.();
  }

  /** Milliseconds since the last look; `undefined` before the first. */
  get lookedAgoMs(): number | undefined {
    return this.#lookedAtMs === undefined ? undefined : this.#parts.clock.monotonicMs() - this.#lookedAtMs;
  }

  /** The alarms that are raised, of one store. */
  raised(store: string): readonly Alarm[] {
    const latches = this.#stores.get(store)?.latches ?? new Map<AlarmName, Latch>();
    return [...latches].flatMap(([alarm, { held }]) =>
      held ? [{ store, alarm, level: held.level, since: held.since.toISOString(), detail: held.detail }] : [],
    );
  }

  /** One look at every store. Never throws. */
  look(): void {
    for (const [store, watched] of this.#stores) {
      try {
        this.#lookAt(store, watched);
      } catch (error) {
        this.#parts.log.error({ store, error: firstLine(error) }, "the watch failed");
      }
    }
    this.#lookedAtMs = this.#parts.clock.monotonicMs();
  }

  /** Resolves when no column is being read. */
  async settled(): Promise<void> {
    for (const { ages } of this.#stores.values()) await ages.settled();
  }

  #onSwitch(store: string): void {
    const watched = this.#stores.get(store);
    if (!watched) return;
    watched.ages.forget();
    // A reader that moves is not behind for long, however often others publish.
    watched.behindSinceMs = undefined;
  }

  #lookAt(store: string, watched: WatchedStore): void {
    const { stores, limits, clock } = this.#parts;
    const reader = stores.peek(store);
    if (!reader) void stores.reader(store).catch(() => undefined);
    const status = reader?.status();
    const nowMs = clock.monotonicMs();
    if (status === undefined || status.ok) watched.behindSinceMs = undefined;
    else watched.behindSinceMs ??= nowMs;
    const look: StoreLook = {
      status,
      openFailures: stores.failures(store),
      openFailure: stores.failure(store)?.code,
      behindForMs: watched.behindSinceMs === undefined ? undefined : nowMs - watched.behindSinceMs,
      now: clock.now(),
    };
    // The fallback file is its writer's: reading it would keep the writer out.
    const release = status?.mode === "manifest" ? reader : undefined;
    const troubles: Record<AlarmName, Trouble | "unread" | undefined> = {
      behind: behindTrouble(look, limits),
      failing: failingTrouble(look, limits),
      draining: drainingTrouble(look, limits),
      late: release && watched.ages.trouble(),
    };
    for (const [alarm, latch] of watched.latches) {
      const trouble = troubles[alarm];
      const change = trouble === "unread" ? undefined : latch.see(trouble, look.now);
      if (change) this.#announce({ store, alarm, change, now: look.now });
    }
    if (release) watched.ages.look(release);
  }

  #announce({
    store,
    alarm,
    change,
    now,
  }: {
    readonly store: string;
    readonly alarm: AlarmName;
    readonly change: LatchChange;
    readonly now: Date;
  }): void {
    const { log, tell } = this.#parts;
    const { level, detail, since } = change.trouble;
    const fields = { alarm, level, since: since.toISOString(), detail };
    if (change.kind === "raised") log.warn({ store, ...fields }, "alarm raised");
    else log.info({ store, ...fields }, "alarm cleared");
    tell(store, { type: change.kind === "raised" ? "store.stale" : "store.recovered", time: now.toISOString(), ...fields });
  }
}
