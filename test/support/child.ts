import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

/** What is tested: the compiled sources, or a broken variant of them that some test must catch (test/proof/mutants). */
const compiled = process.env["LOCKKEEPER_DIST"];
const dist = compiled === undefined ? new URL("../../dist/", import.meta.url) : pathToFileURL(`${compiled}/`);

/** What a test runner or a CI service sets for itself must not colour what is tested. */
const neutral = { FORCE_COLOR: undefined, NO_COLOR: undefined, CI: undefined };

/** URL of a compiled module, for scripts that run in processes of their own. */
export function distUrl(path: string): string {
  return new URL(path, dist).href;
}

/** Path of the command line's entry; of a broken variant its modules, which are not bundled. */
export const binPath = fileURLToPath(new URL(compiled === undefined ? "bin/lockkeeper.js" : "cli/main.js", dist));

/** A process that a test started; killed when the test has finished, should it still run. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with the next line on stdout that starts with `prefix`; rejects when the process ends before. */
  line(prefix: string): Promise<string>;
  send(text: string): void;
  /** Everything on stderr so far. */
  stderr(): string;
  stdout(): string;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Starts a program. */
export function startProgram(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Child {
  const [program = "", ...words] = argv;
  const env = { ...process.env, ...neutral, ...options.env };
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], ...options, env });
  const seen: string[] = [];
  const waiting: {
    readonly prefix: string;
    readonly resolve: (line: string) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  let stderr = "";
  let stdout = "";
  let over = false;
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    stdout += `${line}\n`;
    const index = waiting.findIndex(({ prefix }) => line.startsWith(prefix));
    if (index < 0) seen.push(line);
    else waiting.splice(index, 1)[0]?.resolve(line);
  });
  lines.on("close", () => {
    over = true;
    for (const { prefix, reject } of waiting.splice(0)) reject(new Error(`ended without a line "${prefix}": ${stderr}`));
  });
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  return {
    process: child,
    pid: child.pid ?? -1,
    line(prefix) {
      const index = seen.findIndex((line) => line.startsWith(prefix));
      if (index >= 0) return Promise.resolve(seen.splice(index, 1)[0] ?? "");
      if (over) return Promise.reject(new Error(`ended without a line "${prefix}": ${stderr}`));
      return new Promise((resolve, reject) => {
        waiting.push({ prefix, resolve, reject });
      });
    },
    send: (text) => void child.stdin.write(`${text}\n`),
    stderr: () => stderr,
    stdout: () => stdout,
    ended,
  };
}

/** Starts Node with a module given as text. */
export function startScript(source: string, options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Child {
  return startProgram([process.execPath, "--input-type=module", "-e", source], options);
}
