import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Generation, Hold } from "../generation.ts";
import type { OpeningContext } from "../opening.ts";
import { readerClosed } from "../pool.ts";
import { deadlineIn, Notice, sleep, within, type Deadline } from "../waiting.ts";
import { openKept } from "./opening.ts";

/** A release on the shelf. */
interface Entry {
  readonly id: string;
  readonly opening: Promise<Generation>;
  /** Once it is open. */
  generation: Generation | undefined;
  /** Requests that hold it, or wait for its opening. */
  users: number;
  idleTimer: AbortController | undefined;
}

/**
 * Releases that requests asked for by name, open beside the active one: at most `limits.releases` at a time. Whoever asks for one that is open, or being opened, shares it; the one whose
 * last request is longest ago makes room for another, but never while a request holds it. What goes wrong here is the request's error; the active release serves on.
 */
export class KeptShelf {
  readonly #context: OpeningContext;
  /** By id, least recently asked for first. */
  readonly #entries = new Map<string, Entry>();
  /** Those that were let go and are not closed yet: they count until they are. */
  readonly #closing = new Set<Promise<void>>();
  readonly #freed = new Notice();

  constructor(context: OpeningContext) {
    this.#context = context;
  }

  /**
   * A hold on the release. Throws what `openKept` throws, `UNAVAILABLE` when within `waitMs` none of the open releases was let go or the opening did not end, `INTERRUPTED`,
   * `READER_CLOSED`.
   */
  async acquire(id: string, signal: AbortSignal | undefined): Promise<Hold> {
    const { store, settings, closing } = this.#context;
    const { clock } = store.platform;
    const deadline = deadlineIn(clock, settings.waitMs, signal);
    for (;;) {
      if (closing.aborted) throw readerClosed();
      const entry = this.#entries.get(id) ?? this.#add(id);
      if (entry !== undefined) return this.#use(entry, deadline);
      if (deadline.leftMs() <= 0) throw this.#allBusy(id);
      await this.#freed.wait(clock, deadline.leftMs(), signal);
    }
  }

  /** Resolves when nothing is being opened or closed. Call it after `closing` has aborted. */
  async settled(): Promise<void> {
    this.#freed.ring();
    for (const entry of this.#entries.values()) entry.idleTimer?.abort();
    await Promise.allSettled([...this.#entries.values()].map(({ opening }) => opening));
    await Promise.all(this.#closing);
  }

  /** Begins to open a release, if there is room for it or somebody idle makes room. */
  #add(id: string): Entry | undefined {
    if (this.#entries.size >= this.#context.settings.keptMax) {
      const idle = [...this.#entries.values()].find(({ users, generation }) => users === 0 && generation !== undefined);
      if (idle === undefined) return undefined;
      this.#letGo(idle);
    }
    const opening = Promise.all(this.#closing).then(() => openKept(this.#context, id));
    const entry: Entry = { id, opening, generation: undefined, users: 0, idleTimer: undefined };
    this.#entries.set(id, entry);
    opening.then(
      (generation) => {
        entry.generation = generation;
        if (entry.users === 0) this.#startIdleTimer(entry);
      },
      () => this.#forget(entry),
    );
    return entry;
  }

  async #use(entry: Entry, deadline: Deadline): Promise<Hold> {
    entry.users += 1;
    entry.idleTimer?.abort();
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, entry);
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      entry.users -= 1;
      if (entry.users === 0 && entry.generation !== undefined) this.#startIdleTimer(entry);
      this.#freed.ring();
    };
    try {
      const generation = await within(this.#context.store.platform.clock, entry.opening, deadline);
      if (this.#context.closing.aborted) throw readerClosed();
      if (generation === undefined) throw this.#notYet(entry.id);
      const hold = generation.hold();
      return { generation, end: () => (hold.end(), leave()) };
    } catch (error) {
      leave();
      throw error;
    }
  }

  #startIdleTimer(entry: Entry): void {
    if (this.#context.closing.aborted || this.#entries.get(entry.id) !== entry) return;
    entry.idleTimer?.abort();
    const timer = new AbortController();
    entry.idleTimer = timer;
    const { store, settings } = this.#context;
    void sleep(store.platform.clock, settings.keptIdleMs, { signal: timer.signal, idle: true }).then(() => {
      if (!timer.signal.aborted) this.#letGo(entry);
    });
  }

  #letGo(entry: Entry): void {
    this.#forget(entry);
    if (entry.generation === undefined) return;
    const closing: Promise<void> = this.#context.pool.retire(entry.generation).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #forget(entry: Entry): void {
    entry.idleTimer?.abort();
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
    this.#freed.ring();
  }

  #allBusy(id: string): LockkeeperError {
    const { keptMax, waitMs } = this.#context.settings;
    const open = [...this.#entries.keys()].join(", ");
    return new LockkeeperError("UNAVAILABLE", `release ${id} found no room within ${waitMs} ms: ${open} are in use`, {
      hint: `At most ${keptMax} releases are open beside the active one: try again, or raise limits.releases.`,
      subject: id,
    });
  }

  #notYet(id: string): LockkeeperError {
    const { waitMs } = this.#context.settings;
    return new LockkeeperError("UNAVAILABLE", `release ${id} is still being opened after ${waitMs} ms`, {
      hint: "Try again shortly: the opening goes on.",
      subject: id,
    });
  }
}
