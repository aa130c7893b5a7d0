import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { binPath, startProgram, type Child } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** Where and with what a command runs. A variable of `undefined` is taken out of the environment. */
export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a command printed and how it ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables that would change what a test sees. */
const neutral = { LOCKKEEPER_CONFIG: undefined, DUCKDB_PATH: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined };

/** Starts the real bin. */
export function startCli(words: readonly string[], { cwd, env }: CliOptions): Child {
  return startProgram([process.execPath, binPath, ...words], { cwd, env: { ...neutral, ...env } });
}

/** Runs the real bin to its end. */
export async function runCli(words: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = startCli(words, options);
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

/** The one document of a command that ended well (0) or with findings (3); every other exit fails the test. */
export async function jsonOf(
  words: readonly string[],
  options: CliOptions,
): Promise<{ readonly code: number | null; readonly document: Record<string, unknown> }> {
  const { code, stdout, stderr } = await runCli(["--json", ...words], options);
  if (code !== 0 && code !== 3) throw new Error(`exit ${code}: ${stderr}`);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return { code, document: JSON.parse(stdout) as Record<string, unknown> };
}

/** The error of a command that failed: stdout is empty and stderr ends with its document. */
export async function errorOf(words: readonly string[], options: CliOptions): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runCli(["--json", ...words], options);
  expect(stdout).toBe("");
  const last = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "") as { schema: string; error: Record<string, unknown> };
  expect(last.schema).toBe("lockkeeper/error@1");
  expect(last.error["exit"]).toBe(code);
  return last.error;
}

/** Words of a build command that writes a table `t`; see etl.mjs. */
export function etl(...words: string[]): string[] {
  return [process.execPath, fileURLToPath(new URL("etl.mjs", import.meta.url)), ...words];
}

/** A new workspace with one store, `holdings`, and what else its section is to say. */
export function workspaceFolder(more = ""): string {
  const folder = temporaryFolder();
  const text = `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\nlayout = "slots"\nbasename = "DB"\n${more}`;
  writeFileSync(join(folder, "lockkeeper.toml"), text);
  return folder;
}
