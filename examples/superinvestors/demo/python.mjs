// @ts-check
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The line of DuckDB that the readers here open; 2.0 writes files that they cannot. */
const requirement = "duckdb==1.5.6";
const probe = ["-c", "import duckdb; assert duckdb.__version__ < '2', f'duckdb is {duckdb.__version__}'"];

/**
 * A Python that has DuckDB: the one that was asked for, that of a clone's `.python`, `python3`, or `python3` with a folder of packages
 * of its own, which is made here. Nothing is installed outside `folder`.
 *
 * @param {{ children: ReturnType<typeof import("../../lib/children.mjs").createChildren>, folder: string, env: NodeJS.ProcessEnv,
 *   asked: string | undefined, onInstall: (text: string) => void }} options `asked`: a program, or `none`
 * @returns {Promise<{ program: string } | { why: string }>} `why` there is none
 */
export async function findPython({ children, folder, env, asked, onInstall }) {
  if (asked === "none") return { why: "--python none" };
  if (process.platform === "win32") return { why: "clients/python runs on Linux and macOS" };
  /**
   * @param {string} program
   * @param {string[]} words
   * @returns {Promise<string>} what went wrong; "" where nothing did
   */
  const attempt = async (program, words) => {
    try {
      const { code, stderr } = await children.run(words, { cwd: folder, env, program });
      return code === 0 ? "" : (stderr.trim().split("\n").at(-1) ?? `exit ${code}`);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  if (asked !== undefined) {
    const why = await attempt(asked, probe);
    return why === "" ? { program: asked } : { why: `${asked}: ${why}` };
  }
  const own = fileURLToPath(new URL("../../../.python/bin/python", import.meta.url));
  for (const program of [...(existsSync(own) ? [own] : []), "python3"]) {
    if ((await attempt(program, probe)) === "") return { program };
  }
  const packages = join(folder, "python");
  const program = join(packages, "bin", "python");
  onInstall(`no python3 here has DuckDB: pip installs ${requirement} into ${packages}`);
  const steps = /** @type {const} */ ([
    ["python3", ["-m", "venv", packages]],
    [program, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]],
    [program, probe],
  ]);
  for (const [step, words] of steps) {
    const why = await attempt(step, [...words]);
    if (why !== "") return { why };
  }
  return { program };
}
