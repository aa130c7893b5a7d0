import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startProgram, type Child } from "../support/child.ts";

const clients = fileURLToPath(new URL("../../clients/python/", import.meta.url));

const probe = spawnSync("python3", ["-c", "import fcntl, sys; assert sys.version_info >= (3, 9), sys.version"], {
  encoding: "utf8",
});

/** Why nothing of Python is run here; empty where it is. */
export const whyNoPython =
  probe.status === 0 ? "" : ` (skipped: python3 cannot run here: ${probe.error?.message ?? probe.stderr.trim()})`;

/** A Python program that has `from lockkeeper import *`, `os`, `sys` and `json`; it leaves no compiled file behind. */
export function startPython(program: string, options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Child {
  const head = "import json, os, sys, threading\nimport lockkeeper\nfrom lockkeeper import *\n";
  const env = { ...options.env, PYTHONPATH: clients, PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1" };
  return startProgram(["python3", "-c", head + program], { ...options, env });
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
