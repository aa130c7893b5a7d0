import { parseHistoryLine, type HistoryEvent } from "../model/history.ts";
import { errnoOf, ioError } from "../platform/io-error.ts";
import type { OpenFile } from "../platform/port.ts";
import type { ReleaseStore } from "./store.ts";

/** Most bytes of a history that are held at a time. A longer line is none of ours: its longest field, a note, has to fit in a manifest of 64 KiB. */
export const historyChunkBytes = 256 * 1024;

/** How much of what was told last is compared at the next look: enough to tell another file, whose times and ids differ. */
const remembered = 4096;

/** What one look at a history found. */
export interface HistoryNews {
  readonly events: readonly HistoryEvent[];
  /** Lines that cannot be told, one sentence each with their numbers. */
  readonly warnings: readonly string[];
  /** Whether to look again at once. */
  readonly more: boolean;
  /** Broken lines at the end, which the next writer cuts off and which therefore may still become whole; one sentence. */
  readonly torn: string | undefined;
}

const nothing: HistoryNews = { events: [], warnings: [], more: false, torn: undefined };

/**
 * Reads a history from its first line on, each whole line once, however often it is asked and whoever appends meanwhile. Takes no lock and holds no file
 * open between two looks. What a crash left at the end is not told: the next writer cuts it off and writes there.
 */
export class HistoryTail {
  readonly #store: ReleaseStore;
  /** Bytes of lines that were told, and their number. */
  #position = 0;
  #lines = 0;
  /** The last bytes before the position. */
  #before: Buffer = Buffer.alloc(0);
  #inode: bigint | undefined;
  /** The position lies inside a line that is too long to be one. */
  #insideLine = false;

  constructor(store: ReleaseStore) {
    this.#store = store;
  }

  /** What has come since the last look, at most `historyChunkBytes` of it. Throws `PERMISSION_DENIED`, `IO_FAILED`. */
  async look(): Promise<HistoryNews> {
    const path = this.#store.paths.history;
    try {
      const stat = await this.#store.platform.files.stat(path);
      if (stat === undefined || (stat.inode === this.#inode && stat.bytes === this.#position)) return nothing;
      this.#inode = stat.inode;
      const file = await this.#store.platform.files.open(path, "read");
      try {
        return await this.#lookInto(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return nothing;
      throw ioError(error, "read", path);
    }
  }

  async #lookInto(file: OpenFile): Promise<HistoryNews> {
    const start = this.#position - this.#before.length;
    const bytes = await file.read(start, this.#before.length + historyChunkBytes);
    if (!bytes.subarray(0, this.#before.length).equals(this.#before)) return this.#beginAgain();
    const found = bytes.subarray(this.#before.length);
    if (!found.includes(0x0a) && found.length < historyChunkBytes) return nothing;
    // A line whose writer was killed before its fsync would be gone after a power cut, and its id another event's. Who may not fsync may still look.
    await file.sync().catch(() => undefined);
    // A torn end that is cut and written anew between two system calls of one read gives a line that never was.
    if (!(await file.read(start, bytes.length)).equals(bytes)) return { ...nothing, more: true };
    return this.#tell(found);
  }

  #beginAgain(): HistoryNews {
    this.#position = 0;
    this.#lines = 0;
    this.#before = Buffer.alloc(0);
    this.#insideLine = false;
    const { paths } = this.#store;
    return {
      ...nothing,
      warnings: [`${paths.history} is another file than before; its events are told from the first`],
      more: true,
    };
  }

  #tell(found: Buffer): HistoryNews {
    const chunk = { bytes: found, position: this.#position };
    const events: HistoryEvent[] = [];
    const warnings: string[] = [];
    let line = this.#lines;
    let broken = 0;
    let start = 0;
    for (let end = found.indexOf(0x0a); end >= 0; end = found.indexOf(0x0a, start)) {
      const parsed = this.#insideLine ? "rest" : parseHistoryLine(found.toString("utf8", start, end));
      line += 1;
      start = end + 1;
      if (parsed === "broken") {
        broken += 1;
        continue;
      }
      if (broken > 0) warnings.push(this.#brokenLines(line - broken, broken));
      broken = 0;
      if (parsed === "unknown") warnings.push(`${this.#placeOf(line)} is no event that this version knows`);
      else if (parsed !== "rest") events.push(parsed);
      this.#advance(chunk, start, line);
    }
    const more = found.length === historyChunkBytes;
    if (more && this.#position === chunk.position) {
      // What a crash tore is never this long: a writer adds a few lines at a time.
      const place = this.#placeOf(this.#lines + 1);
      if (!this.#insideLine) warnings.push(`${place} begins ${found.length} bytes without a whole line, which were left out`);
      this.#advance(chunk, found.length, line);
      this.#insideLine = start < found.length;
    }
    const torn = !more && broken > 0 ? `${this.#brokenLines(line - broken + 1, broken)}; the next writer cuts it off` : undefined;
    return { events, warnings, more, torn };
  }

  /** What lies before `end` in the chunk has been told; those were `line` lines in all. */
  #advance(chunk: { readonly bytes: Buffer; readonly position: number }, end: number, line: number): void {
    this.#position = chunk.position + end;
    this.#before = Buffer.from(chunk.bytes.subarray(Math.max(0, end - remembered), end));
    this.#lines = line;
    this.#insideLine = false;
  }

  #brokenLines(first: number, count: number): string {
    const more = count === 1 ? "" : ` and ${count - 1} after it`;
    return `${this.#placeOf(first)}${more}: not whole, left out`;
  }

  #placeOf(line: number): string {
    return `line ${line} of ${this.#store.paths.history}`;
  }
}
