import { firstLine } from "../../errors/lockkeeper-error.ts";
import { errnoOf } from "../../platform/io-error.ts";
import type { OpenFile, Platform } from "../../platform/port.ts";
import type { Reported } from "./reported.ts";

const pollMs = 250;
const readBytesMax = 256 * 1024;
/** A longer line is told and passed over. */
const lineBytesMax = 64 * 1024;
/** More of a file is not read: messages are no place for data. */
const fileBytesMax = 64 * 1024 * 1024;
const lineFeed = 0x0a;

/** Follows the file that a build appends JSON lines to. Returns what stops it after a last look, at all that is there by then. */
export function followMessages(platform: Platform, path: string, reported: Reported): () => Promise<void> {
  const lines = new Lines(reported);
  const look = () => readOn(platform, path, lines);
  let busy: Promise<void> = Promise.resolve();
  const stop = platform.clock.every(pollMs, () => {
    busy = busy.then(look);
  });
  return async () => {
    stop();
    await busy;
    await look();
    lines.end();
  };
}

/** Reads from where it was left to the end. A file that is not there yet has nothing to say. */
async function readOn(platform: Platform, path: string, lines: Lines): Promise<void> {
  if (lines.closed) return;
  let file: OpenFile | undefined;
  try {
    file = await platform.files.open(path, "read");
    // What is appended meanwhile is for the next look.
    const { kind, bytes } = await file.stat();
    if (kind !== "file") return lines.close("it is not a regular file");
    if (bytes < lines.position) return lines.close("it was cut short; append to it, as `>>` does");
    while (lines.position < Math.min(bytes, fileBytesMax)) {
      const chunk = await file.read(lines.position, readBytesMax);
      if (chunk.length === 0) break;
      lines.take(chunk);
    }
    if (bytes > fileBytesMax) lines.close(`it has more than ${fileBytesMax} bytes`);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (errnoOf(error) !== "ENOENT") lines.close(`it cannot be read: ${firstLine(error)}`);
    else if (lines.position > 0) lines.close("it was removed");
  } finally {
    await file?.close();
  }
}

/** Cuts bytes into lines. A character may lie across two reads, so lines are cut from bytes. */
class Lines {
  /** Bytes taken. */
  position = 0;
  /** Nothing more is read. */
  closed = false;
  readonly #reported: Reported;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #number = 0;

  constructor(reported: Reported) {
    this.#reported = reported;
  }

  take(chunk: Buffer): void {
    this.position += chunk.length;
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#add(chunk.subarray(start, end));
      this.#line();
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
  }

  /** The last line may lack its line feed. */
  end(): void {
    if (this.#restBytes > 0) this.#line();
  }

  close(why: string): void {
    this.closed = true;
    this.#reported.fault(`the file in LOCKKEEPER_MESSAGES: ${why}`, true);
  }

  #add(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes <= lineBytesMax) this.#rest.push(part);
    else this.#rest = [];
  }

  #line(): void {
    this.#number += 1;
    if (this.#restBytes > lineBytesMax)
      this.#reported.fault(`line ${this.#number} has ${this.#restBytes} bytes; at most ${lineBytesMax} are read`, true);
    else this.#reported.takeLine(Buffer.concat(this.#rest).toString("utf8"), this.#number);
    this.#rest = [];
    this.#restBytes = 0;
  }
}
