import { beforeAllEvents, cursorAfter, cursorText, isTold, type EventCursor, type StoreEvent } from "../../model/events.ts";
import { eventFrame, greetingFrame, heartbeatFrame } from "./frame.ts";

/** What may wait for one client: hundreds of events of usual size. Bytes. */
export const connectionBytesMax = 1024 * 1024;

/** What a connection tells its hub. */
export interface ConnectionOwner {
  /** It has ended, in whatever way. Called once. */
  readonly onEnd: () => void;
  /** It is cut off: its client does not take what it is sent, and will not notice an end either. */
  readonly onCut: () => void;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly event: StoreEvent | undefined;
}

/**
 * One client's stream: first its backlog, read as the client takes it, then what happens. What happens meanwhile waits, so that nothing lies
 * between the two; what the backlog told is not told again.
 */
export class EventConnection {
  readonly #owner: ConnectionOwner;
  #told: EventCursor = beforeAllEvents;
  #backlog: AsyncIterator<StoreEvent, void> | undefined;
  #first: IteratorResult<StoreEvent, void> | undefined;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #begun = false;
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
  }

  /** Begins with what happens from now on; `position` is the last event before. */
  beginLive(position: EventCursor): void {
    this.#told = position;
    this.#begun = true;
    this.#push({ bytes: greetingFrame(cursorText(position)), event: undefined });
  }

  /** Begins with the events after a cursor. Rejects as `backlog` does when its first event is asked for. */
  async beginAfter(after: EventCursor, backlog: AsyncIterator<StoreEvent, void>): Promise<void> {
    this.#told = after;
    this.#begun = true;
    this.#backlog = backlog;
    this.#first = await backlog.next();
  }

  /** An event that has just happened. */
  event(event: StoreEvent): void {
    if (this.#begun) this.#push({ bytes: eventFrame(event), event });
  }

  /** Anything else that has just happened. */
  notice(bytes: Uint8Array): void {
    if (this.#begun) this.#push({ bytes, event: undefined });
  }

  /** Where something waits already, another line would help nobody. */
  heartbeat(): void {
    if (this.#begun && this.#waiting.length === 0) this.notice(heartbeatFrame);
  }

  /** Ends it after what waits. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake();
    this.#owner.onEnd();
  }

  /** The stream. To be asked for once. */
  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.#take();
          if (bytes === undefined) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => {
          this.#drop();
          this.end();
        },
      },
      // Nothing is taken from what waits before it is asked for: the bound counts all of it.
      { highWaterMark: 0 },
    );
  }

  #push(waiting: Waiting): void {
    if (this.#ended) return;
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes.byteLength;
    if (this.#bytes > connectionBytesMax) this.#cut();
    else this.#wake();
  }

  #cut(): void {
    this.#failure = new Error("the client did not take its events");
    this.#drop();
    this.end();
    this.#owner.onCut();
  }

  #drop(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#backlog = undefined;
  }

  /** What is next; `undefined` at the end. */
  async #take(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = (await this.#nextOfBacklog()) ?? this.#nextWaiting();
      if (this.#failure) throw this.#failure;
      if (bytes !== undefined) return bytes;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #nextOfBacklog(): Promise<Uint8Array | undefined> {
    while (this.#backlog && !this.#ended) {
      const first = this.#first;
      this.#first = undefined;
      if (first) {
        const greeting = greetingFrame(cursorText(this.#told));
        return first.done === true ? greeting : concatenated([greeting, this.#tell(first.value)]);
      }
      const next = await this.#backlog.next();
      if (next.done !== true) return this.#tell(next.value);
      this.#backlog = undefined;
    }
    return undefined;
  }

  #nextWaiting(): Uint8Array | undefined {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const frames: Uint8Array[] = [];
    for (const { bytes, event } of waiting) {
      if (event && isTold(this.#told, event)) continue;
      if (event) this.#told = cursorAfter(this.#told, event);
      frames.push(bytes);
    }
    return frames.length === 0 ? undefined : concatenated(frames);
  }

  #tell(event: StoreEvent): Uint8Array {
    this.#told = cursorAfter(this.#told, event);
    return eventFrame(event);
  }
}

function concatenated(frames: readonly Uint8Array[]): Uint8Array {
  return frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames);
}
