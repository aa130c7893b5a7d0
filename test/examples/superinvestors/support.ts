import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { environmentOf, makeWorkspace } from "../../../examples/superinvestors/demo/workspace.mjs";
import { binPath, startProgram, type Child } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** A file of the example. */
export function exampleFile(name: string): string {
  return fileURLToPath(new URL(`../../../examples/superinvestors/${name}`, import.meta.url));
}

/** A workspace of the example in a folder of its own, with filings of a size. */
export async function exampleWorkspace(size: "xs" | "s" = "xs") {
  const folder = temporaryFolder();
  const { last, sources } = await makeWorkspace(folder, size);
  const env = { ...environmentOf(folder), FILINGS: sources.filings };
  /** Publishes a week with etl.mjs. */
  const publish = async (week: number) => {
    const words = ["publish", "by_publish", "--", process.execPath, exampleFile("etl.mjs"), "--week", String(week)];
    await ended(startProgram([process.execPath, binPath, ...words], { cwd: folder, env }));
  };
  return { folder, last, sources, env, publish };
}

/** Waits for a program that must end well; its output. */
export async function ended(child: Child): Promise<string> {
  expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, expect.anything()]);
  return child.stdout();
}

const own = fileURLToPath(new URL("../../../.python/bin/python", import.meta.url));
/** The Python to try. */
export const python = existsSync(own) ? own : "python3";
const probe = spawnSync(python, ["-c", "import duckdb; assert duckdb.__version__ < '2', duckdb.__version__"], {
  encoding: "utf8",
});
/** Why there is none with DuckDB; "" where there is. */
export const pythonMissing = probe.status === 0 ? "" : (probe.error?.message ?? probe.stderr.trim().split("\n").at(-1) ?? "");

/** Starts the app on a store, and waits until it listens. */
export async function startApp(folder: string, env: NodeJS.ProcessEnv): Promise<{ readonly app: Child; readonly url: string }> {
  const app = startProgram([process.execPath, exampleFile("app.mjs")], { cwd: folder, env: { ...env, PORT: "0" } });
  const line = await app.line("listening on ");
  return { app, url: line.slice("listening on ".length) };
}
