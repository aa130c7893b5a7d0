import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProgram, type Child } from "../support/child.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The Python files that are tested: those that ship, or a broken variant of them that some test must catch. */
const clients = process.env["LOCKKEEPER_CLIENTS"] ?? join(root, "clients/python");
const surroundings = { PYTHONPATH: clients, PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" };

const probe = spawnSync("python3", ["-c", "import fcntl, sys; assert sys.version_info >= (3, 9), sys.version"], {
  encoding: "utf8",
});

/** Why nothing of Python is run here; empty where it is. */
export const whyNoPython =
  probe.status === 0 ? "" : ` (skipped: python3 cannot run here: ${probe.error?.message ?? probe.stderr.trim()})`;

/** A Python program that has `from lockkeeper import *`, `os`, `sys` and `json`; it leaves no compiled file behind. */
export function startPython(program: string, options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Child {
  const head = "import json, os, sys, threading\nimport lockkeeper\nfrom lockkeeper import *\n";
  return startProgram(["python3", "-c", head + program], { ...options, env: { ...options.env, ...surroundings } });
}

/** Runs a program to its end; its standard output, line by line. Throws with its standard error where it fails. */
export async function python(program: string, options: Parameters<typeof startPython>[1] = {}): Promise<string[]> {
  const child = startPython(program, options);
  const { code } = await child.ended;
  if (code !== 0) throw new Error(`exit ${code}: ${child.stderr()}`);
  return child.stdout().split("\n").slice(0, -1);
}

/** What a program prints that catches a `LockkeeperError` of `expression`: code and message. */
export async function failureOf(expression: string, folder: string): Promise<string> {
  const lines = await python(
    `try:\n    ${expression}\n    print("none")\nexcept LockkeeperError as error:\n    print(error.code, error.message, "|", error.hint)\n`,
    { cwd: folder },
  );
  return lines.join("\n");
}

const own = join(root, ".python/bin/python");
const withDuckdb = existsSync(own) ? own : "python3";
const engine = spawnSync(withDuckdb, ["-c", "import duckdb, fcntl; assert duckdb.__version__ < '2', duckdb.__version__"], {
  encoding: "utf8",
});

/** Why nothing is run here that needs DuckDB for Python; empty where it is. */
export const whyNoDuckdb =
  engine.status === 0 ? "" : (engine.error?.message ?? engine.stderr.trim().split("\n").at(-1) ?? "it ended with a signal");

/** Starts a Python file with DuckDB. */
export function startDuckdbFile(words: readonly string[], options: Parameters<typeof startPython>[1] = {}): Child {
  return startProgram([withDuckdb, ...words], { ...options, env: { ...options.env, ...surroundings } });
}

const readerHead = `
import json, os, sys, threading, time, traceback
import duckdb, lockkeeper_reader
from lockkeeper_reader import *

def pause(word):
    print(word)
    assert sys.stdin.readline(), "the test has ended"

def code_of(action):
    try:
        return action()
    except LockkeeperError as error:
        return error.code

def until(condition):
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.01)

def tell(value):
    print("told " + json.dumps(value))
`;

/** A Python program that has the reader, `pause(word)`, which waits for a line, `code_of`, `until`, and `tell(value)` for `told`. */
export function startReaderProgram(program: string, options: Parameters<typeof startPython>[1] = {}): Child {
  return startDuckdbFile(["-c", readerHead + program], options);
}

/** The next value that a program tells. */
export async function told(child: Child): Promise<unknown> {
  return JSON.parse((await child.line("told ")).slice("told ".length));
}

/** Runs a program with the reader to its end; what it told. Throws with its standard error where it fails. */
export async function readerProgram(program: string, options: Parameters<typeof startPython>[1] = {}): Promise<unknown[]> {
  const child = startReaderProgram(program, options);
  const { code } = await child.ended;
  if (code !== 0) throw new Error(`exit ${code}: ${child.stderr()}`);
  const lines = child
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith("told "));
  return lines.map((line) => JSON.parse(line.slice("told ".length)) as unknown);
}
