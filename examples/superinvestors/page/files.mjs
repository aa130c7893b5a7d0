// @ts-check
import { readFile } from "node:fs/promises";

/** The page, read anew for each request: it is small. */
export function readPage() {
  return readFile(new URL("index.html", import.meta.url), "utf8");
}

/**
 * A file of `lockkeeper/client`, which browsers load as it ships; `undefined` for anything else.
 *
 * @param {string} path `client.js`, or what it imports: `client/<name>.js`
 */
export async function readModule(path) {
  if (!/^(?:client|client\/[a-z-]+)\.js$/.test(path)) return undefined;
  try {
    return await readFile(new URL(path, import.meta.resolve("lockkeeper/client")), "utf8");
  } catch {
    return undefined;
  }
}
