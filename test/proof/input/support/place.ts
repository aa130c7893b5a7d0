import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

/** Puts something in the place of a path as a decent program does: made beside it, then renamed over it. */
export function put(path: string, make: (path: string) => void): void {
  const made = `${path}.made`;
  make(made);
  // Only a folder cannot be replaced, nor replace, by a rename.
  const folders = [made, path].some((each) => lstatSync(each, { throwIfNoEntry: false })?.isDirectory());
  if (folders) clear(path);
  renameSync(made, path);
}

/** Puts a regular file there. */
export function putBytes(path: string, bytes: string | Uint8Array): void {
  put(path, (made) => writeFileSync(made, bytes));
}

/** Takes away whatever lies there. */
export function clear(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** Puts a symbolic link there; `target` is as the link says it, and need not exist. */
export function putLink(path: string, target: string): void {
  put(path, (made) => symlinkSync(target, made));
}

/** Puts a FIFO there: opening one waits for a writer that never comes. */
export function putFifo(path: string): void {
  put(path, (made) => void execFileSync("mkfifo", [made]));
}

/** Puts a socket there that nobody listens on. */
export function putSocket(path: string): void {
  put(path, (made) => {
    // Whoever closes a socket of its own removes it; a killed process cannot.
    const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", script, made]);
    if (!existsSync(made)) throw new Error(`no socket at ${made}`);
  });
}

/** Puts a folder there. */
export function putFolder(path: string): void {
  put(path, (made) => mkdirSync(made));
}
