import type { OpenFile, Platform } from "../../platform/port.ts";
import { writeWhole } from "../../platform/files.ts";

/** What stays of a build's output with a refused or failed build. */
export const outputTailBytes = 64 * 1024;

/** A log file may not fill the disk that the build needs. */
const logBytesMax = 64 * 1024 * 1024;

/** What a part of Python says after the program that it belongs to was killed, and nothing about why. */
const afterDeath = /\bresource_tracker\b/;

/** Takes a command's output: the whole of it to `build.log` up to 64 MiB, the last 64 KiB in memory. */
export interface OutputLog {
  add(chunk: Buffer): void;
  /** The last 64 KiB. */
  tail(): Buffer;
  /** The last line that says something; for messages. */
  lastLine(): string | undefined;
  close(): Promise<void>;
}

/** Opens the log of a build. A log that cannot be written loses output, never the build. */
export async function openOutputLog(platform: Platform, path: string): Promise<OutputLog> {
  const file: OpenFile = await platform.files.open(path, "update");
  let tail = Buffer.alloc(0);
  let written = 0;
  let queue = Promise.resolve();
  const write = async (chunk: Buffer) => {
    if (written + chunk.length > logBytesMax) return;
    const position = written;
    written += chunk.length;
    await writeWhole(file, chunk, position).catch(() => undefined);
  };
  return {
    add(chunk) {
      tail = Buffer.concat([tail, chunk]).subarray(-outputTailBytes);
      queue = queue.then(() => write(chunk));
    },
    tail: () => tail,
    lastLine: () =>
      tail
        .toString("utf8")
        .split("\n")
        .map((line) => line.trim())
        .findLast((line) => line !== "" && !afterDeath.test(line)),
    async close() {
      await queue;
      await file.close();
    },
  };
}
