import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { ioError } from "../platform/io-error.ts";
import type { Fallback } from "./fallback/fallback.ts";
import type { Generation, Hold } from "./generation.ts";
import type { EventHub } from "./events.ts";
import type { ReleaseTarget } from "./locate.ts";
import { openActive, type OpeningContext } from "./opening.ts";
import { readerClosed } from "./pool.ts";
import type { BadSighting, Sighting } from "./resolver.ts";
import { describeServed, type Serving } from "./serving.ts";
import { deadlineIn, Notice, pause, sleep, type Deadline } from "./waiting.ts";

/** A bad manifest is looked at again for so long before it counts: rough writers truncate, or unlink, and then write. */
export const badSettleMs = 100;

/** How often it is looked at meanwhile. */
export const badLookEveryMs = 5;

/** A manifest that was deleted for so long moves a running reader to the fallback. */
const absentMs = 2000;

const backoffFirstMs = 100;
const backoffMaxMs = 30_000;

const spareDelayMs = 250;

/** How often a request looks for what it waits for when nobody tells it. */
const lookEveryMs = 20;

/** A release that could not be opened: remembered, so that requests need not wait for it again. */
interface Failure {
  readonly sighting: Sighting;
  readonly error: LockkeeperError;
  readonly attempts: number;
  /** On the monotonic clock. */
  readonly retryAtMs: number;
}

/** What a request asks of the release that it is served. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  readonly minVersion?: number | undefined;
}

/**
 * Keeps a reader on the release that the manifest names: sees a switch, opens the new generation once, makes it active by one assignment, and
 * keeps the last good one when it cannot.
 */
export class Follower {
  readonly #context: OpeningContext;
  readonly #fallback: Fallback | undefined;
  readonly #events: EventHub;
  readonly #changed = new Notice();
  #serving: Serving;
  #flight: Promise<void> | undefined;
  #spare: Promise<void> = Promise.resolve();
  #failure: Failure | undefined;
  /** The newest sighting that could not be served: whoever waits for it or an older one is served the last good release. */
  #givenUp = -1;
  /** Why what is published does not serve; told as "degraded" once. */
  #degraded: LockkeeperError | undefined;
  #failures = 0;

  constructor(parts: {
    readonly context: OpeningContext;
    readonly fallback: Fallback | undefined;
    readonly events: EventHub;
    readonly serving: Serving;
  }) {
    this.#context = parts.context;
    this.#fallback = parts.fallback;
    this.#events = parts.events;
    this.#serving = parts.serving;
  }

  get serving(): Serving {
    return this.#serving;
  }

  /** Why what is published is not what is served, when it is not. */
  get degraded(): LockkeeperError | undefined {
    return this.#degraded;
  }

  /** Openings that failed in a row, also of releases that followed one another; 0 once what is published serves. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * A hold on the generation that a request is to be served from. Throws `UNAVAILABLE` (version not reached, fallback locked), `INTERRUPTED`,
   * `READER_CLOSED`.
   */
  async acquire(options: AcquireOptions): Promise<Hold> {
    const { clock } = this.#context.store.platform;
    const wanted = this.#context.resolver.look();
    if (!this.#mustWait(wanted, options.minVersion)) {
      if (this.#serving.sighting !== wanted) this.kick();
      if (this.#serving.kind === "manifest") return this.#hold(this.#serving.generation);
    }
    const deadline = deadlineIn(clock, this.#context.settings.waitMs, options.signal);
    await this.#catchUp(wanted, options.minVersion, deadline);
    const serving = this.#serving;
    if (serving.kind === "fallback") return serving.fallback.acquire(deadline);
    return this.#hold(serving.generation);
  }

  /** What a request is to be served from, where it need not wait and there is a manifest: a fallback file is none that stays. */
  servingNow(minVersion: number | undefined): ReleaseTarget | undefined {
    const seen = this.#context.resolver.look();
    if (this.#mustWait(seen, minVersion)) return undefined;
    if (this.#serving.sighting !== seen) this.kick();
    return this.#serving.kind === "manifest" ? this.#serving.generation.target : undefined;
  }

  /** A hold on the generation that serves, at once, when it is of this release; `undefined` when it is not. */
  holdServing(release: string): Hold | undefined {
    const serving = this.#serving;
    if (serving.sighting !== this.#context.resolver.look()) this.kick();
    return serving.kind === "manifest" && serving.generation.target.release === release
      ? this.#hold(serving.generation)
      : undefined;
  }

  /** Looks at the manifest and starts to follow it where it moved; at most one such run at a time. */
  kick(): void {
    if (this.#flight !== undefined || this.#context.closing.aborted) return;
    // The guard is cleared in a callback that cannot run before this assignment, whatever the run does. Whoever asked in vain for
    // a run while this one ended is woken to ask again.
    this.#flight = this.#follow().finally(() => {
      this.#flight = undefined;
      this.#changed.ring();
    });
  }

  /** Resolves when no run is under way. Call it after `closing` has aborted. */
  async settled(): Promise<void> {
    this.#changed.ring();
    await this.#flight;
    await this.#spare;
  }

  /** Keeps an empty instance ready, so that the next switch costs an attach. */
  prepareSpare(): void {
    const { engine, settings, store, closing } = this.#context;
    // Making one costs a core for some milliseconds: the first requests on a new release go before it.
    this.#spare = sleep(store.platform.clock, spareDelayMs, { signal: closing, idle: true })
      .then(() => (closing.aborted ? undefined : engine.prepareSpare(settings.engine)))
      .catch(() => {});
  }

  #hold(generation: Generation): Hold {
    if (this.#context.closing.aborted) throw readerClosed();
    return generation.hold();
  }

  async #catchUp(wanted: Sighting, minVersion: number | undefined, deadline: Deadline): Promise<void> {
    const { clock } = this.#context.store.platform;
    while (this.#mustWait(wanted, minVersion) && deadline.leftMs() > 0) {
      const { sighting } = this.#serving;
      this.kick();
      if (this.#flight !== undefined) await this.#changed.wait(clock, deadline.leftMs(), deadline.signal);
      if (this.#context.closing.aborted) throw readerClosed();
      // A run that changed nothing ends at once: without a pause this loop would never let anything else happen.
      if (this.#serving.sighting === sighting)
        await pause(clock, Math.min(lookEveryMs, Math.max(deadline.leftMs(), 0)), deadline.signal);
    }
    const { version } = describeServed(this.#serving);
    if (minVersion === undefined || version >= minVersion) return;
    throw new LockkeeperError("UNAVAILABLE", `version ${minVersion} is not served here yet; this reader has version ${version}`, {
      hint: "Try again shortly.",
      subject: this.#context.resolver.path,
    });
  }

  #mustWait(wanted: Sighting, minVersion: number | undefined): boolean {
    if (minVersion !== undefined && describeServed(this.#serving).version < minVersion) return true;
    if (this.#context.settings.freshness === "eventual" || wanted.kind !== "manifest") return false;
    const { sighting } = this.#serving;
    if (sighting.sequence >= wanted.sequence || sighting.identity === wanted.identity) return false;
    return this.#givenUp < wanted.sequence;
  }

  async #follow(): Promise<void> {
    const { clock } = this.#context.store.platform;
    while (!this.#context.closing.aborted) {
      const sighting = this.#context.resolver.look();
      const serves =
        this.#serving.sighting.identity === sighting.identity &&
        (sighting.kind === "manifest") === (this.#serving.kind === "manifest");
      if (serves) return this.#good(sighting);
      const failed = this.#failure?.sighting === sighting ? this.#failure : undefined;
      if (failed !== undefined && clock.monotonicMs() < failed.retryAtMs) return;
      try {
        if (sighting.kind === "manifest") await this.#open();
        else if (!(await this.#withoutManifest(sighting))) return;
      } catch (error) {
        this.#fail(sighting, ioError(error, "follow", this.#context.resolver.path));
      }
    }
  }

  async #open(): Promise<void> {
    const opening = await openActive(this.#context);
    if (opening.kind === "failed") this.#fail(opening.sighting, opening.error);
    if (opening.kind !== "opened") return;
    this.#activate({ kind: "manifest", sighting: opening.sighting, generation: opening.generation });
  }

  /** Whether to look again at once. */
  async #withoutManifest(sighting: BadSighting): Promise<boolean> {
    const { clock } = this.#context.store.platform;
    const ageMs = clock.monotonicMs() - sighting.sinceMs;
    if (ageMs < badSettleMs) {
      await sleep(clock, badLookEveryMs, { signal: this.#context.closing });
      return true;
    }
    this.#giveUp(sighting);
    if (this.#serving.kind === "fallback") {
      this.#serving = { ...this.#serving, sighting };
      return false;
    }
    if (sighting.kind === "unusable" || this.#fallback === undefined) {
      this.#degrade(sighting.error);
      return false;
    }
    if (ageMs < absentMs) return false;
    await this.#fallback.probe();
    if (this.#context.resolver.look() !== sighting) return true;
    this.#events.warn(`${this.#context.resolver.path} was deleted: serving ${this.#fallback.description} from now on`);
    this.#activate({ kind: "fallback", sighting, fallback: this.#fallback });
    return false;
  }

  #activate(next: Serving): void {
    const previous = this.#serving;
    if (next.kind === "manifest" && !next.generation.activate()) return;
    this.#serving = next;
    this.#changed.ring();
    if (previous.kind === "manifest") void this.#context.pool.retire(previous.generation);
    else previous.fallback.release();
    const was = describeServed(previous);
    const is = describeServed(next);
    this.#warnOfVersion(previous, next);
    this.#events.emit("switch", { ...is, previous: { release: was.release, version: was.version } });
    this.#good(next.sighting);
    this.prepareSpare();
  }

  #warnOfVersion(previous: Serving, next: Serving): void {
    if (previous.kind !== "manifest" || next.kind !== "manifest") return;
    const from = previous.sighting.manifest;
    const to = next.sighting.manifest;
    const rewritten = from.version === to.version && from.active === to.active && from.lastUpdated === to.lastUpdated;
    if (to.version > from.version || rewritten) return;
    this.#events.warn(
      `${this.#context.resolver.path}: version ${to.version} follows version ${from.version}; it is served, but versions should rise`,
    );
  }

  #good(sighting: Sighting): void {
    this.#serving = withSighting(this.#serving, sighting);
    this.#failure = undefined;
    this.#failures = 0;
    this.#changed.ring();
    if (this.#degraded === undefined) return;
    this.#degraded = undefined;
    const { release, version } = describeServed(this.#serving);
    this.#events.emit("recovered", { release, version });
  }

  #fail(sighting: Sighting, error: LockkeeperError): void {
    if (this.#context.closing.aborted) return;
    this.#failures += 1;
    const attempts = this.#failure?.sighting === sighting ? this.#failure.attempts + 1 : 1;
    const delayMs = Math.min(backoffFirstMs * 2 ** (attempts - 1), backoffMaxMs);
    this.#failure = { sighting, error, attempts, retryAtMs: this.#context.store.platform.clock.monotonicMs() + delayMs };
    this.#degrade(error, sighting);
    this.#giveUp(sighting);
  }

  #giveUp(sighting: Sighting): void {
    this.#givenUp = Math.max(this.#givenUp, sighting.sequence);
    this.#changed.ring();
  }

  #degrade(error: LockkeeperError, sighting?: Sighting): void {
    const before = this.#degraded;
    this.#degraded = error;
    if (before !== undefined) return;
    const publishedVersion = sighting?.kind === "manifest" ? sighting.manifest.version : undefined;
    this.#events.emit("degraded", { error, servingVersion: describeServed(this.#serving).version, publishedVersion });
  }
}

function withSighting(serving: Serving, sighting: Sighting): Serving {
  if (serving.kind === "fallback") return { ...serving, sighting };
  return sighting.kind === "manifest" ? { ...serving, sighting } : serving;
}
