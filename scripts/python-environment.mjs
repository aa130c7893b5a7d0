#!/usr/bin/env node
// @ts-check
/**
 * Makes the Python environments that tests use, of packages whose versions and hashes are in the repository. One that is there and fits stays as it is.
 *
 *   node scripts/python-environment.mjs duckdb    .python/           DuckDB as readers of other programs have it
 *   node scripts/python-environment.mjs dbt       .python-dbt/       dbt, DuckDB with its PostgreSQL extension, Dagster
 *   node scripts/python-environment.mjs duckdb2   .python-duckdb2/   DuckDB 2.0 alone, to stand before .python-dbt/ on PYTHONPATH
 *
 * Several names are made at once. Exit 1 where one could not be made: no Python that fits, no registry. A changed `.in` file is compiled as the first lines of its `.txt` file say.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A step that takes longer is ended. Milliseconds. */
const stepTimeoutMs = 8 * 60_000;

/**
 * @typedef {object} Environment
 * @property {string} folder
 * @property {string} requirements
 * @property {readonly string[]} pythons that are tried, in this order
 * @property {readonly [number, number]} atLeast
 * @property {boolean} [bare] a folder of packages, without a Python of its own
 * @property {string} probe what can be imported afterwards
 * @property {boolean} [extensions] whether DuckDB's extensions among the packages are put where DuckDB looks for them
 */

/** @type {Readonly<Record<string, Environment>>} */
const environments = {
  duckdb: {
    folder: ".python",
    requirements: "scripts/python/duckdb.txt",
    pythons: ["python3", "python3.11"],
    atLeast: [3, 9],
    probe: "import duckdb",
  },
  dbt: {
    folder: ".python-dbt",
    requirements: "examples/marts-dbt/requirements.txt",
    pythons: ["python3.11", "python3"],
    atLeast: [3, 11],
    probe: "import duckdb, duckdb_extension_postgres, dbt.adapters.duckdb, dagster_pipes",
    extensions: true,
  },
  duckdb2: {
    folder: ".python-duckdb2",
    requirements: "scripts/python/duckdb2.txt",
    // As for dbt, whose Python is to load it.
    pythons: ["python3.11", "python3"],
    atLeast: [3, 11],
    bare: true,
    probe: "import duckdb; assert duckdb.__version__.startswith('2.')",
  },
};

const names = process.argv.slice(2);
if (names.length === 0 || names.some((name) => !Object.hasOwn(environments, name))) {
  console.error(`Usage: node scripts/python-environment.mjs ${Object.keys(environments).join("|")} …`);
  process.exit(2);
}
const made = await Promise.all(names.map((name) => make(environments[name])));
process.exitCode = made.every(Boolean) ? 0 : 1;

/**
 * Makes one, and says so; resolves to whether it is there.
 *
 * @param {Environment} environment
 */
async function make(environment) {
  const { folder, requirements, bare } = environment;
  const place = join(root, folder);
  const stamp = join(place, ".requirements.sha256");
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, requirements)))
    .digest("hex");
  try {
    const python = bare ? await findPython(environment) : join(place, "bin/python");
    if (textOf(stamp) === wanted && (await fits(environment, python))) {
      console.log(`${folder}: there already, as ${requirements} says`);
      return true;
    }
    if (isLink(place)) throw new Error("is a link to an environment that does not fit; what it leads to is not touched");
    const startedAt = performance.now();
    console.log(`${folder}: installing ${requirements}`);
    await install(environment, bare ? python : await findPython(environment));
    if (environment.extensions) await linkExtensions(place);
    if (!(await fits(environment, python))) throw new Error(`is not usable: ${environment.probe} fails`);
    writeFileSync(stamp, wanted);
    console.log(`${folder}: installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    return true;
  } catch (error) {
    console.error(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/**
 * @param {Environment} environment
 * @param {string} python
 */
async function install({ folder, requirements, bare }, python) {
  const place = join(root, folder);
  if (bare) rmSync(place, { recursive: true, force: true });
  else await run(python, ["-m", "venv", "--clear", place]);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"];
  await run(bare ? python : join(place, "bin/python"), [
    ...pip,
    ...(bare ? ["--target", place] : []),
    "-r",
    join(root, requirements),
  ]);
}

/**
 * The first Python that is new enough. Throws with all that were tried.
 *
 * @param {Environment} environment
 */
async function findPython({ pythons, atLeast }) {
  const tried = [];
  for (const python of pythons) {
    const version = await run(python, ["-c", "import sys; print(*sys.version_info[:2], sep='.')"]).catch(() => "is not there");
    const [major = 0, minor = 0] = version.trim().split(".").map(Number);
    if (major === atLeast[0] && minor >= atLeast[1]) return python;
    tried.push(`${python} ${version.trim()}`);
  }
  throw new Error(`needs Python ${atLeast.join(".")} or newer; tried: ${tried.join(", ")}`);
}

/**
 * Whether a Python finds what the environment is for.
 *
 * @param {Environment} environment
 * @param {string} python
 */
async function fits({ folder, probe, bare }, python) {
  const env = bare ? { PYTHONPATH: join(root, folder) } : {};
  return run(python, ["-c", probe], env).then(
    () => true,
    () => false,
  );
}

/**
 * Puts the extensions of the wheels where DuckDB's setting `extension_directory` wants them: `<version>/<platform>/`, under the extension's own name.
 *
 * @param {string} place
 */
async function linkExtensions(place) {
  const program = `
import duckdb, duckdb_extension_postgres, glob, os
platform = duckdb.sql("PRAGMA platform").fetchone()[0]
for path in glob.glob(os.path.dirname(duckdb_extension_postgres.__file__) + "/extensions/*/postgres.duckdb_extension"):
    print(path.split("/")[-2], platform, path, sep="\\t")`;
  const lines = (await run(join(place, "bin/python"), ["-c", program])).trim().split("\n");
  for (const line of lines) {
    const [version = "", platform = "", path = ""] = line.split("\t");
    const link = join(place, "duckdb-extensions", version, platform, "postgres_scanner.duckdb_extension");
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), path), link);
  }
}

/**
 * Runs a program to its end; its output. Throws with the end of what it said where it fails.
 *
 * @param {string} program
 * @param {readonly string[]} words
 * @param {NodeJS.ProcessEnv} [more] of its environment
 * @returns {Promise<string>}
 */
function run(program, words, more = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PYTHONPATH: undefined, PYTHONDONTWRITEBYTECODE: "1", ...more };
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
    // Node's own time-out of a child keeps this process alive where there is no such program.
    const timer = setTimeout(() => child.kill(), stepTimeoutMs);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk));
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(new Error(error.message, { cause: error }));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(stdout);
      const said = (stderr.trim() || stdout.trim()).split("\n").slice(-5).join("\n  ");
      reject(new Error(`${program} ${words.slice(0, 3).join(" ")} ended with ${signal ?? `exit ${code}`}:\n  ${said}`));
    });
  });
}

/** @param {string} path */
function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
