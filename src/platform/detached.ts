import { spawn } from "node:child_process";
import { once } from "node:events";
import { parse } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Starts a module of ours in a process that outlives this one: in a session of its own, so that no Ctrl-C reaches it, with none of our pipes, so that nobody
 * who reads our output waits for it, and in the root folder, so that it keeps no volume busy. Resolves once it runs; rejects with Node's
 * error when it cannot be started. The environment is passed on, arguments can be seen by everybody.
 */
export async function startDetached(module: URL, words: readonly string[]): Promise<void> {
  const path = fileURLToPath(module);
  const child = spawn(process.execPath, [path, ...words], {
    cwd: parse(path).root,
    detached: true,
    stdio: "ignore",
    windowsHide: true,
  });
  await once(child, "spawn");
  child.unref();
}
