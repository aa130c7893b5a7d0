import { createHash } from "node:crypto";
import { errnoOf } from "../../platform/io-error.ts";
import { nodePlatform } from "../../platform/node.ts";
import type { OpenFile } from "../../platform/port.ts";
import type { Digest } from "./digest.ts";
import type { FileAnswer } from "./file-child.ts";

// The program of the child process that `digest.ts` starts, with that process's id and paths as its arguments. It never loads the engine, and a close in
// here drops no lock of the process that started it.

const chunkBytes = 4 * 1024 * 1024;
const platform = nodePlatform();
const [asker = "", ...paths] = process.argv.slice(2);

async function digest(path: string, file: OpenFile): Promise<Digest> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (;;) {
    // Killed, or ended by a Ctrl-C that a group of our own keeps from us: nobody waits for the answer of hours of reading.
    if (String(process.ppid) !== asker) throw new Error("the process that asked has ended");
    const chunk = await file.read(bytes, chunkBytes);
    if (chunk.length === 0) return { path, bytes, sha256: hash.digest("hex") };
    hash.update(chunk);
    bytes += chunk.length;
  }
}

async function answer(): Promise<FileAnswer<readonly Digest[]>> {
  const results: Digest[] = [];
  for (const path of paths) {
    try {
      const file = await platform.files.open(path, "read");
      try {
        results.push(await digest(path, file));
      } finally {
        await file.close();
      }
    } catch (error) {
      const code = errnoOf(error) ?? "EIO";
      return {
        failure: { verb: "read", path, code, message: error instanceof Error ? error.message : String(error) },
      };
    }
  }
  return { results };
}

process.stdout.write(JSON.stringify(await answer()));
