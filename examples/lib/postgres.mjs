// @ts-check
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canRun, pathFolders } from "./programs.mjs";

/** Where Debian and others put the server's programs, which are not on the path there. */
const debianFolder = "/usr/lib/postgresql";

const programs = ["initdb", "postgres", "psql"];

/** A cluster that is not there after this time is given up. Milliseconds. */
const startTimeoutMs = 60_000;

/** Another port is tried so often where somebody else was faster. */
const attemptsMax = 5;

/**
 * Runs the server, and ends it when told to on standard input, or when whoever holds the other end is gone, however that came about. The word on standard input is the signal:
 * INT ends sessions and closes in order, QUIT ends at once. Where nobody is there any more to remove the folder, it does.
 */
const supervisor = `exec 3<&0
"$@" 3<&- &
server=$!
{ read -r signal || : >abandoned; kill -s "\${signal:-INT}" "$server"; } <&3 &
wait "$server"
status=$?
kill "$!" 2>/dev/null
[ ! -e abandoned ] || rm -rf "$PWD"
exit "$status"`;

/** @typedef {Readonly<Record<"initdb" | "postgres" | "psql", string>>} Programs */
/** @typedef {{ uid: number, gid: number } | undefined} Owner */

/**
 * PostgreSQL's programs on this machine.
 *
 * @returns {{ programs: Programs } | { why: string }} `why` there are none
 */
export function findPostgres() {
  if (process.platform === "win32") return { why: "the server is run here on Linux and macOS" };
  const folders = pathFolders();
  const found = programs.map((name) => [name, [...debianFolders(), ...folders].map((folder) => join(folder, name)).find(canRun)]);
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0)
    return { why: `PostgreSQL is not installed: no ${missing.join(", no ")} on the path or in ${debianFolder}` };
  return { programs: Object.fromEntries(found) };
}

/**
 * Starts a PostgreSQL of its own on a free port of 127.0.0.1, in a temporary folder and without any durability. It ends with this process at the latest. As root it is run as `nobody`, for
 * PostgreSQL refuses root. Throws where it cannot be had; the message has what the server said.
 */
export async function startPostgres() {
  const search = findPostgres();
  if ("why" in search) throw new Error(search.why);
  const owner = process.getuid?.() === 0 ? nobody() : undefined;
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-postgres-"));
  chmodSync(folder, 0o700);
  if (owner) chownSync(folder, owner.uid, owner.gid);
  try {
    return await Cluster.make(search.programs, { folder, owner });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A PostgreSQL with one database, `postgres`, whose user `postgres` needs no password. */
export class Cluster {
  /** @readonly @type {Programs} */
  #programs;
  /** @readonly @type {{ folder: string, owner: Owner }} */
  #place;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #server;
  /** Where it listens, also while it is stopped. */
  port = 0;

  /**
   * @param {Programs} where
   * @param {{ folder: string, owner: Owner }} place
   */
  constructor(where, place) {
    this.#programs = where;
    this.#place = place;
  }

  /**
   * @param {Programs} where
   * @param {{ folder: string, owner: Owner }} place
   */
  static async make(where, place) {
    const cluster = new Cluster(where, place);
    const words = ["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "--no-instructions"];
    await run(where.initdb, [...words, `--pgdata=${cluster.#data}`], { ...place.owner, cwd: place.folder });
    for (let attempt = 1; ; attempt += 1) {
      cluster.port = await freePort();
      try {
        await cluster.start();
        return cluster;
      } catch (error) {
        if (attempt === attemptsMax || !/address already in use/i.test(String(error))) throw error;
      }
    }
  }

  get #data() {
    return join(this.#place.folder, "data");
  }

  /** What clients find it by, in the variables of PostgreSQL's own library. */
  get env() {
    return { PGHOST: "127.0.0.1", PGPORT: String(this.port), PGUSER: "postgres", PGDATABASE: "postgres" };
  }

  /** Starts it, once more on the same port after `stop`; resolves when it takes connections. */
  async start() {
    const { folder, owner } = this.#place;
    const settings = [
      "listen_addresses=127.0.0.1",
      `port=${this.port}`,
      "unix_socket_directories=",
      "fsync=off",
      "full_page_writes=off",
    ];
    const words = [this.#programs.postgres, "-D", this.#data, ...settings.flatMap((setting) => ["-c", setting])];
    const server = spawn("sh", ["-c", supervisor, "sh", ...words], {
      ...owner,
      cwd: folder,
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
    });
    this.#server = server;
    let said = "";
    const timer = setTimeout(() => server.stdin.end("QUIT\n"), startTimeoutMs);
    await new Promise((resolve, reject) => {
      server.stderr.setEncoding("utf8").on("data", (text) => {
        said = `${said}${text}`.slice(-10_000);
        if (said.includes("ready to accept connections")) resolve(undefined);
      });
      server.stdin.on("error", () => {}); // it has ended, which is told by `close`
      server.once("error", reject);
      server.once("close", (code) => reject(new Error(`PostgreSQL ended with exit ${code}:\n${said.trim()}`)));
    }).finally(() => clearTimeout(timer));
  }

  /**
   * Stops it, sessions too; resolves when nothing of it is left. Its data stay.
   *
   * @param {"INT" | "QUIT"} [signal] `QUIT`: as if it had crashed
   */
  async stop(signal = "INT") {
    const server = this.#server;
    this.#server = undefined;
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "close");
    server.stdin?.end(`${signal}\n`);
    await ended;
  }

  /** Stops it and removes its data. */
  async remove() {
    await this.stop("QUIT");
    rmSync(this.#place.folder, { recursive: true, force: true });
  }

  /**
   * Runs files of SQL, in this order, in one session.
   *
   * @param {readonly string[]} files
   * @param {Readonly<Record<string, string | number>>} [variables] psql's
   */
  async runFiles(files, variables = {}) {
    const given = Object.entries(variables).flatMap(([name, value]) => ["-v", `${name}=${value}`]);
    await this.#psql([...given, ...files.flatMap((file) => ["-f", file])]);
  }

  /**
   * The rows of a statement, as text with `|` between columns.
   *
   * @param {string} sql
   */
  async query(sql) {
    return (await this.#psql(["-At", "-c", sql])).split("\n").slice(0, -1);
  }

  /** @param {readonly string[]} words */
  #psql(words) {
    const env = { ...process.env, ...this.env };
    return run(this.#programs.psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", ...words], { env });
  }
}

function debianFolders() {
  try {
    const versions = readdirSync(debianFolder).toSorted((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(debianFolder, version, "bin"));
  } catch {
    return [];
  }
}

/** The user who owns nothing. */
function nobody() {
  const idOf = (/** @type {string} */ which) => Number(execFileSync("id", [which, "nobody"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

/** A port that is free now. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * @param {string} program
 * @param {readonly string[]} words
 * @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<string>} its output
 */
async function run(program, words, options) {
  const child = spawn(program, words, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} ended with ${signal ?? `exit ${code}`}: ${stderr.trim()}`);
  return stdout;
}
