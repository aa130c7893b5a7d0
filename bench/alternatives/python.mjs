// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Kept between runs; nothing of the project depends on it. */
const folder = fileURLToPath(new URL("../../.bench", import.meta.url));
const packages = ["datasette==0.65.5", "roapi==0.12.7"];

/**
 * A virtual environment with Datasette and ROAPI, made when it is asked for.
 *
 * @param {(text: string) => void} log
 * @returns {{ bin: string, python: string } | undefined} `undefined`, and told why, where they cannot be had
 */
export function pythonPrograms(log) {
  const bin = join(folder, process.platform === "win32" ? "Scripts" : "bin");
  const found = { bin, python: join(bin, "python") };
  if (["datasette", "roapi"].every((name) => existsSync(join(bin, name)))) return found;
  log(`alternatives: installing ${packages.join(" and ")} into .bench`);
  for (const { command, args } of [
    { command: "python3", args: ["-m", "venv", folder] },
    { command: found.python, args: ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages] },
  ]) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status !== 0) {
      log(
        `alternatives: without Datasette and ROAPI: ${command} ${args.join(" ")}: ${error?.message ?? stderr.trim().split("\n").at(-1)}`,
      );
      return undefined;
    }
  }
  return found;
}
