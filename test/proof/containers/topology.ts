import { createHash } from "node:crypto";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { composeService, containersFolder, imageEnvironment, type Service } from "../../support/deployment.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { readText } from "../../house/sources.ts";
import { lockkeeper, startContainer, type Container, type ContainerMount, type Finished, type RunOptions } from "./container.ts";

/** Tokens by level; the real `api.toml` has the first. */
const tokens = { read: "the app's token", publish: "the token of whoever refreshes" } as const;

/** Writes what a build writes: `v` in every row of both tables, or of the one in the DuckDB file. Arguments: v, and `wait` to go on until it is ended. */
const build = `
import { createRequire } from "node:module";
const { DuckDBInstance } = await import(createRequire("/opt/lockkeeper/package.json").resolve("@duckdb/node-api"));
const [v, then] = process.argv.slice(2);
const { DUCKDB_PATH: file, PARQUET_DIR: folder, LOCKKEEPER_STORE: store } = process.env;
const instance = await DuckDBInstance.create(file);
const connection = await instance.connect();
const rows = "SELECT " + v + "::BIGINT AS v, range AS n FROM range(1000)";
if (store === "holdings") await connection.run("CREATE TABLE t AS " + rows);
else for (const name of ["spend", "income"]) await connection.run("COPY (" + rows + ") TO '" + folder + "/" + name + ".parquet'");
connection.closeSync();
instance.closeSync();
if (then === "wait") {
  console.log("built, waiting");
  setInterval(() => {}, 60_000);
}
`;

/** Borrows the active release until it is killed or told to end. Argument: the store's folder. */
const reader = `
import { openReader } from "/opt/lockkeeper/dist/index.js";
const reader = await openReader({ dir: process.argv[2], drainTimeoutMs: 600_000 });
await reader.borrow(async (held) => {
  const { rows } = await held.query("SELECT min(v) FROM main_mart.spend");
  console.log("holds " + rows[0][0]);
  await new Promise((resolve) => process.stdin.once("data", resolve));
});
await reader.close();
process.exit(0);
`;

const holdings = (dir: string) => `[stores.holdings]\nkind = "release"\ndir = "${dir}"\nlayout = "slots"\nbasename = "DB"\n`;

const writerConfig = `format = 1
[stores.marts]
kind = "release"
dir = "data/marts"
artifacts = [{ kind = "parquet", path = ".", schema = "main_mart" }]
retention = { keep = 2 }
reader = { limits = { memory = "60MB", threads = 1 } }
${holdings("data/holdings")}`;

/** Both tables in one statement: they come from one build or they differ. */
const versions = `SELECT (SELECT min(v) FROM main_mart.spend) AS spend, (SELECT max(v) FROM main_mart.income) AS income`;

/** A statement of a second or so, long enough to be told to end meanwhile. */
const slow = `SELECT sum(hash(range)) AS total FROM range(60000000)`;

/** The data of a deployment and the containers of `compose.yaml` around it. */
export interface Topology {
  /** The data folder on this machine. */
  readonly data: string;
  /** Starts a service. What compose.yaml says of user, mounts, variables and command is taken from there. */
  service(
    name: string,
    more?: Partial<Pick<Service, "hostname" | "user">> & { readonly mounts?: readonly ContainerMount[] },
  ): Container;
  /** Starts the API and waits until it listens, on a port that is free. */
  api(): Promise<Api>;
}

/** The API's container. */
export interface Api {
  readonly container: Container;
  readonly url: string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Begins a refresh; with the address of one asks how it gets on. */
  refresh(job?: string): Promise<Response>;
}

/** A deployment without a release, for the running test. The folder is made as docs/containers.md says. */
export function makeTopology(): Topology {
  const place = temporaryFolder();
  const folder = (name: string) => {
    mkdirSync(join(place, name), { recursive: true });
    return join(place, name);
  };
  const [data, project, config] = [folder("data"), folder("project"), folder("config")];
  for (const name of ["", "marts", "parquet", "holdings"]) {
    mkdirSync(join(data, name), { recursive: true });
    chownSync(join(data, name), 10_001, 10_000);
    chmodSync(join(data, name), 0o750);
  }
  folder("project/data");
  folder("config/queries");
  writeFileSync(join(project, "lockkeeper.toml"), writerConfig);
  writeFileSync(join(project, "build.mjs"), build);
  writeFileSync(join(project, "reader.mjs"), reader);
  writeFileSync(join(config, "lockkeeper.toml"), apiConfig());
  writeFileSync(join(config, "queries", "versions.sql"), versions);
  writeFileSync(join(config, "queries", "slow.sql"), slow);
  const places: Readonly<Record<string, string>> = { "./data": data, "./api.toml": join(config, "lockkeeper.toml") };

  const service: Topology["service"] = (name, more = {}) => {
    const described = { ...composeService(name), ...more };
    const own = described.target === "pipeline" ? [{ source: project, target: "/srv/project", readOnly: true }] : [];
    const queries = { source: join(config, "queries"), target: "/etc/lockkeeper/queries", readOnly: true };
    const mounts = [
      ...own,
      ...composeService(name).mounts.flatMap((mount) => {
        const source = places[mount.source];
        return source === undefined ? [] : [{ source, target: mount.target, readOnly: mount.readOnly }];
      }),
    ];
    const environment = { ...imageEnvironment(described.target ?? ""), ...described.environment, ...secrets() };
    const serves = name === "api";
    return startContainer({
      hostname: described.hostname,
      user: described.user,
      mounts: [...mounts, ...(serves ? [queries] : []), ...(more.mounts ?? [])],
      memoryFolders: described.memoryFolders,
      environment,
      ...(serves && { command: [...lockkeeper, "--json", ...described.command.map((word) => word.replace(":4600", ":0"))] }),
    });
  };

  return {
    data,
    service,
    async api() {
      const container = service("api");
      const { url } = JSON.parse(await container.main.line("{")) as { readonly url: string };
      const local = url.replace("0.0.0.0", "127.0.0.1");
      const authorized = (level: keyof typeof tokens) => ({ Authorization: `Bearer ${tokens[level].replaceAll(" ", "-")}` });
      return {
        container,
        url: local,
        get: (path, headers = {}) => fetch(`${local}${path}`, { headers: { ...authorized("read"), ...headers } }),
        refresh: (job) =>
          fetch(`${local}${job ?? "/api/analytics/refresh"}`, {
            method: job === undefined ? "POST" : "GET",
            headers: authorized("publish"),
          }),
      };
    },
  };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token.replaceAll(" ", "-")).digest("hex");
}

function secrets(): Record<string, string> {
  return { API_TOKEN_SHA256: hashOf(tokens.read) };
}

/** The real `api.toml`, with queries, with no answer kept, with a store of two slots and a token that may refresh. */
function apiConfig(): string {
  const refresh = `\n[[tokens]]\nname = "refresher"\nsha256 = "${hashOf(tokens.publish)}"\nlevel = "publish"\n`;
  const text = readText(`${containersFolder}/api.toml`)
    .replace('dir = "/srv/data/marts"', 'dir = "/srv/data/marts"\nqueries = "queries/*.sql"\nbuild = { command = ["true"] }')
    .replace("[serve]", '[serve]\ncache = "0MB"\ndefault_store = "marts"');
  expect(text).toContain("default_store");
  return `${text}${refresh}\n${holdings("/srv/data/holdings")}`;
}

/** Publishes `v` in a store from a container of the pipeline. */
export function publish(
  container: Container,
  [store, v]: readonly [store: string, v: number],
  more: RunOptions & { readonly umask?: string } = {},
): Promise<Finished> {
  const words = [...lockkeeper, "--json", "publish", store, "--", "/opt/node", "/srv/project/build.mjs", String(v)];
  const { umask, ...options } = more;
  return container.run(umask === undefined ? words : ["sh", "-c", `umask ${umask}; exec "$@"`, "sh", ...words], options);
}

/** The document that a command printed, or the error's. */
export function documentOf({ stdout, stderr }: Finished): Record<string, unknown> {
  const text = stdout.trim() === "" ? (stderr.trim().split("\n").at(-1) ?? "") : stdout;
  const document = JSON.parse(text) as Record<string, unknown>;
  return (document["error"] as Record<string, unknown> | undefined) ?? document;
}

/** Everything in a folder: names, sizes, modes, owners, times and bytes. */
export function treeOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => {
      const stat = lstatSync(join(folder, name));
      const bytes = stat.isFile() ? readFileSync(join(folder, name)) : "";
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return [name, stat.mode.toString(8), stat.uid, stat.size, stat.mtimeMs, sha256].join(" ");
    });
}
