import { errnoOf } from "../../platform/io-error.ts";
import type { Platform } from "../../platform/port.ts";
import type { BuildMessage } from "../store.ts";

const pollMs = 250;
const readBytesMax = 256 * 1024;

/**
 * Follows the file that a build appends JSON lines to. Lines that are not `{"type": "log" | "progress", …}` are passed over: the
 * build's output is no place to fail a build. Returns what stops it after a last look.
 */
export function followMessages(
  platform: Platform,
  path: string,
  onMessage: (message: BuildMessage) => void,
): () => Promise<void> {
  let position = 0;
  let rest = "";
  let busy: Promise<void> = Promise.resolve();
  const look = async () => {
    const chunk = await readFrom(platform, path, position);
    position += chunk.length;
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = (lines.pop() ?? "").slice(-readBytesMax);
    for (const line of lines) {
      const message = parseMessage(line);
      if (message) onMessage(message);
    }
  };
  const stop = platform.clock.every(pollMs, () => {
    busy = busy.then(look);
  });
  return async () => {
    stop();
    await busy;
    await look();
  };
}

async function readFrom(platform: Platform, path: string, position: number): Promise<Buffer> {
  try {
    const file = await platform.files.open(path, "read");
    try {
      return await file.read(position, readBytesMax);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) !== undefined) return Buffer.alloc(0);
    throw error;
  }
}

function parseMessage(line: string): BuildMessage | undefined {
  try {
    const value = JSON.parse(line) as Record<string, unknown> | null;
    const type = value?.["type"];
    if (type !== "log" && type !== "progress") return undefined;
    const text = typeof value?.["text"] === "string" ? { text: value["text"] } : {};
    const fraction = typeof value?.["fraction"] === "number" ? { fraction: value["fraction"] } : {};
    return { type, ...text, ...fraction };
  } catch {
    return undefined;
  }
}
