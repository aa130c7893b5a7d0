import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { openWorkspace } from "../../../src/workspace/workspace.ts";
import { binPath } from "../../support/child.ts";
import { writeDatabase } from "../../support/store.ts";

/** `lockkeeper serve`, in a process of its own, for a test or for all tests of a file. */
export interface ServeProcess {
  readonly process: ChildProcess;
  readonly url: string;
  readonly port: number;
  /** The document of `--json`. */
  readonly document: Readonly<Record<string, unknown>>;
  stderr(): string;
  /** Resolves once `pattern` is on stderr; rejects when the process ends before. */
  told(pattern: RegExp): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A folder with files and, by store, the statements of a release. The caller removes it. */
export async function servedFolder(
  files: Readonly<Record<string, string>>,
  releases: Readonly<Record<string, readonly string[]>>,
): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-test-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  for (const [store, statements] of Object.entries(releases)) {
    await workspace.publish(store, ({ path }) => writeDatabase(path, ...statements));
  }
  await workspace.close();
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Variables that would change what a test sees. */
const neutral = {
  LOCKKEEPER_CONFIG: undefined,
  DUCKDB_PATH: undefined,
  FORCE_COLOR: undefined,
  NO_COLOR: undefined,
  UV_THREADPOOL_SIZE: undefined,
};

/** Starts it on a free port and waits until it listens; rejects with what it said when it ends before. */
export async function startServe(
  folder: string,
  { words = [], env = {} }: { readonly words?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ServeProcess> {
  const argv = [binPath, "--json", "serve", "--listen", "127.0.0.1:0", ...words];
  const child = spawn(process.execPath, argv, {
    cwd: folder,
    env: { ...process.env, ...neutral, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  const looks = new Set<() => void>();
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const look of looks) look();
  });
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const told = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (!pattern.test(stderr)) return;
        looks.delete(look);
        resolve();
      };
      looks.add(look);
      void ended.then(() => reject(new Error(`ended without ${String(pattern)}: ${stderr}`)));
      look();
    });
  const first = once(createInterface({ input: child.stdout }), "line").then(([line]) => line as string);
  const line = await Promise.race([first, ended.then(({ code }) => Promise.reject(new Error(`exit ${code}: ${stderr}`)))]);
  const document = JSON.parse(line) as { readonly url: string };
  const port = Number(new URL(document.url).port);
  return { process: child, url: document.url, port, document: { ...document }, stderr: () => stderr, told, ended };
}
