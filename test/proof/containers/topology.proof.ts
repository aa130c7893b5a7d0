import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { composeService, dockerfile } from "../../support/deployment.ts";
import { proofLedger } from "../ledger.ts";
import { containersLack, lockkeeper, type Container, type Finished } from "./container.ts";
import { documentOf, makeTopology, publish, treeOf, type Api, type Topology } from "./topology.ts";

const ledger = proofLedger("containers", "topology");
const lacks = containersLack();
const poll = { timeout: 30_000 };

const rows = {
  inPlace: {
    operation: "the API without a release, then the first publish",
    fault: "a build outside of a publish writes the folder in `PARQUET_DIR` and a scratch file in memory",
    outcome: "the folder is served, then the release, by the same process; the build's variables are the publish's own",
  },
  switches: {
    operation: "publish from the pipeline's container, read through the API's read-only mount",
    fault: "requests all the while; umask 022 and 077; then a rollback",
    outcome: "every request is answered, each from one build; what is switched to is served",
  },
  file: {
    operation: "publish",
    fault: "the manifest alone is mounted, as a file",
    outcome: "the mount keeps the old manifest: the store's folder must be mounted",
  },
  pinned: {
    operation: "prune from the pipeline's container",
    fault: "a reader of another user, in another container with a read-only mount, has the release open",
    outcome: "the release stays and prune says that a reader has it open; it goes when the reader ends",
  },
  killed: {
    operation: "prune from the pipeline's container",
    fault: "the reader's container is killed (SIGKILL)",
    outcome: "the pin is free at once, and the release goes",
  },
  readOnly: {
    operation: "publish, rollback, prune, pin, build begin and refresh on a read-only mount",
    fault: "the same user as the publisher, another user of the group, and over HTTP",
    outcome: "READ_ONLY, or PERMISSION_DENIED for the other user, with what to do; nothing in the store changes",
  },
  spill: {
    operation: "a query that does not fit into the engine's memory, on a read-only root",
    fault: "working folder in memory, then on the root",
    outcome: "answered; then READ_ONLY, which names the folder `.tmp`",
  },
  locked: {
    operation: "publish and `lockkeeper locks`",
    fault: "another container builds",
    outcome: "BUILD_LOCKED names the process by its number there and its container's host",
  },
  died: {
    operation: "publish",
    fault: "the container that builds is killed (SIGKILL), from another one",
    outcome: "the lock is free at once; the next publish says that the last one died, and works; the API answers all the while",
  },
  stopped: {
    operation: "lockkeeper serve as process 1",
    fault: "SIGTERM while a request is under way",
    outcome: "the request is answered, no new one is taken, exit 0 before the container's grace is over",
  },
} as const;

/** A deployment with a first release of both stores, and the pipeline's container. */
async function deployed(
  stores: readonly string[] = ["marts"],
): Promise<{ readonly topology: Topology; readonly writer: Container }> {
  const topology = makeTopology();
  const writer = topology.service("dagster-daemon");
  await writer.main.line("ready");
  for (const store of stores) await switched(publish(writer, [store, 1]));
  return { topology, writer };
}

async function switched(publishing: Promise<Finished>): Promise<Record<string, unknown>> {
  const finished = await publishing;
  expect([finished.code, finished.stderr]).toEqual([0, expect.any(String)]);
  expect(documentOf(finished)).toMatchObject({ outcome: "switched" });
  return documentOf(finished);
}

/** Asks for stores without a pause until it is stopped; `failures` says what came that is not whole. */
function startLoad(api: Api, stores: readonly ("marts" | "holdings")[], built: (store: string, version: number) => number) {
  const failures: string[] = [];
  const seen = new Set<string>();
  let requests = 0;
  const stopping = new AbortController();
  const ask = async (store: string, path: string) => {
    const response = await api.get(path);
    const text = await response.text();
    requests += 1;
    const version = Number(response.headers.get("data-version"));
    const values = new Set((JSON.parse(text) as { readonly rows?: readonly (readonly string[])[] }).rows?.flat() ?? []);
    if (response.status !== 200 || values.size !== 1 || !values.has(String(built(store, version))))
      failures.push(`${response.status} ${text}`);
    seen.add(`${store} ${version}`);
  };
  const paths = { marts: "/v1/stores/marts/queries/versions", holdings: "/v1/stores/holdings/tables/t/rows?select=v&limit=3" };
  const loop = async (store: keyof typeof paths) => {
    while (!stopping.signal.aborted) await ask(store, paths[store]);
  };
  const loops = Promise.all(stores.map((store) => loop(store))).catch((error: unknown) => void failures.push(String(error)));
  return {
    async stop() {
      stopping.abort();
      await loops;
      return { failures, requests, seen };
    },
  };
}

const versionOf = (text: string) => (JSON.parse(text) as { readonly version: number }).version;

describe.runIf(lacks === undefined)("the services of compose.yaml, without an engine", () => {
  test("until its first release the API serves the folder that a build writes in place", async () => {
    const { topology, writer } = await deployed([]);
    expect(await writer.run(["/opt/node", "/srv/project/build.mjs", "7"])).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(join(topology.data, "parquet"))).toEqual(["income.parquet", "spend.parquet"]);
    const api = await topology.api();
    const answer = async (headers = {}) => {
      const response = await api.get("/v1/stores/marts/queries/versions", headers);
      return [response.status, ((await response.json()) as { readonly rows: unknown }).rows];
    };
    expect(await answer()).toEqual([200, [["7", "7"]]]);
    await switched(publish(writer, ["marts", 1]));
    expect(await answer({ "Min-Version": "1" })).toEqual([200, [["1", "1"]]]);
    expect((await writer.run(["ls", "/tmp"])).stdout).toContain("dbt_build.duckdb");
    ledger.add({ ...rows.inPlace, count: 1 });
  });

  test("publishes and a rollback in both layouts are followed without a failed request, under any umask", async () => {
    const { topology, writer } = await deployed(["marts", "holdings"]);
    const api = await topology.api();
    const manifest = join(topology.data, "marts", "db_manifest.json");
    const web = topology.service("dagster-webserver", {
      mounts: [{ source: manifest, target: "/srv/manifest.json", readOnly: true }],
    });
    await web.main.line("ready");
    // Version 4 of the marts goes back to what version 2 was.
    const load = startLoad(api, ["marts", "holdings"], (store, version) => (store === "marts" && version === 4 ? 2 : version));
    for (const [v, umask] of [
      [2, "077"],
      [3, "022"],
    ] as const) {
      for (const store of ["marts", "holdings"]) await switched(publish(writer, [store, v], { umask }));
    }
    expect(documentOf(await writer.run([...lockkeeper, "--json", "rollback", "marts"]))).toMatchObject({ version: 4 });
    expect((await api.get("/v1/stores/marts/queries/versions", { "Min-Version": "4" })).status).toBe(200);
    expect((await api.get("/v1/stores/holdings/tables", { "Min-Version": "3" })).status).toBe(200);
    const { failures, requests, seen } = await load.stop();
    expect(failures).toEqual([]);
    expect(seen.size).toBeGreaterThan(4);
    ledger.add({ ...rows.switches, count: requests });

    const { stdout } = await web.run(["cat", "/srv/manifest.json"]);
    expect([versionOf(stdout), versionOf(readFileSync(manifest, "utf8"))]).toEqual([1, 4]);
    ledger.add({ ...rows.file, count: 1 });
  });

  test("a pin through a read-only mount keeps its release from prune, until its reader or its container ends", async () => {
    const { topology, writer } = await deployed();
    const hold = async () => {
      const container = topology.service("dagster-webserver", { user: "10009:10000" });
      await container.main.line("ready");
      const reader = container.start(["/opt/node", "/srv/project/reader.mjs", "/srv/project/data/marts"]);
      await reader.line("holds 1");
      return { container, reader };
    };
    const prune = async () => documentOf(await writer.run([...lockkeeper, "--json", "releases", "prune", "marts"]));
    const [first, second] = [await hold(), await hold()];
    for (const v of [2, 3, 4]) await switched(publish(writer, ["marts", v]));
    const kept = { release: "r000001", reason: "a reader has it open" };
    expect((await prune())["kept"]).toContainEqual(kept);
    const { stdout } = await writer.run([...lockkeeper, "locks"]);
    expect(stdout).toMatch(/^marts +r000001 +2 +2 processes that cannot be seen$/m);
    first.reader.send("end");
    expect(await first.reader.ended).toMatchObject({ code: 0 });
    expect((await prune())["kept"]).toContainEqual(kept);
    await second.container.kill();
    expect(await prune()).toMatchObject({ removed: [{ release: "r000001" }] });
    ledger.add({ ...rows.pinned, count: 2 });
    ledger.add({ ...rows.killed, count: 1 });
  });

  test("whoever has the store read-only is told so, and changes nothing", async () => {
    const { topology } = await deployed();
    const api = await topology.api();
    const web = topology.service("dagster-webserver");
    await web.main.line("ready");
    const before = treeOf(topology.data);
    const commands = [
      ["publish", "marts", "--", "true"],
      ["rollback", "marts"],
      ["releases", "prune", "marts"],
      ["build", "begin", "marts"],
    ];
    commands.push(["releases", "pin", "marts", "r000001", "--reason", "look"]);
    const users = [
      {
        user: composeService("dagster-daemon").user,
        code: "READ_ONLY",
        hint: "Publish from a host or container that has the folder mounted writable.",
      },
      {
        user: "10009:10000",
        code: "PERMISSION_DENIED",
        hint: expect.stringContaining("run as the user that owns its folder, where that is mounted writable") as string,
      },
    ];
    for (const { user, code, hint } of users) {
      for (const words of commands) {
        const finished = await web.run([...lockkeeper, "--json", ...words], { user });
        const told = documentOf(finished);
        // A folder is refused for the mount before its mode is looked at.
        expect([words[0], finished.code, told["code"]]).toEqual([words[0], 17, words[0] === "build" ? "READ_ONLY" : code]);
        if (words[0] !== "build") expect(told["hint"]).toEqual(hint);
      }
    }
    const looks = [
      ["status"],
      ["releases", "list", "marts"],
      ["query", "marts", "SELECT count(*) FROM main_mart.spend"],
      ["locks"],
    ];
    for (const words of looks) {
      expect([words[0], (await web.run([...lockkeeper, ...words], { user: "10009:10000" })).code]).toEqual([words[0], 0]);
    }
    const job = (await api.refresh()).headers.get("location") ?? "";
    await expect
      .poll(async () => ((await (await api.refresh(job)).json()) as { readonly status: string }).status, poll)
      .toBe("failed");
    expect(treeOf(topology.data)).toEqual(before);
    ledger.add({ ...rows.readOnly, count: users.length * commands.length + 1 });

    const sort = "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY md5(n::VARCHAR)) FROM range(2000000) x(n))";
    expect(await web.run([...lockkeeper, "query", "marts", sort])).toMatchObject({ code: 0 });
    const denied = await web.run([...lockkeeper, "--json", "query", "marts", sort], { folder: "/" });
    expect(documentOf(denied)).toMatchObject({ code: "READ_ONLY", message: expect.stringContaining(`".tmp"`) as string });
    ledger.add({ ...rows.spill, count: 2 });
  });

  test("a holder in another container is named with it, and its death frees the lock", async () => {
    const { topology, writer } = await deployed();
    const api = await topology.api();
    const other = topology.service("dagster-daemon", { hostname: "by-hand" });
    await other.main.line("ready");
    const building = writer.start([...lockkeeper, "publish", "marts", "--", "/opt/node", "/srv/project/build.mjs", "2", "wait"]);
    await expect.poll(() => building.stderr(), poll).toContain("built, waiting");
    const refused = documentOf(await publish(other, ["marts", 3]));
    expect(refused).toMatchObject({
      code: "BUILD_LOCKED",
      message: expect.stringMatching(
        /^the build lock of marts is held by process \d+ on dagster-daemon \(node \S*lockkeeper\.js publish marts /,
      ) as string,
      holder: { host: "dagster-daemon" },
    });
    const { stdout } = await other.run([...lockkeeper, "locks"]);
    expect(stdout).toMatch(/^marts +build +held +process \d+ on dagster-daemon \(/m);
    ledger.add({ ...rows.locked, count: 2 });

    const load = startLoad(api, ["marts"], (_store, version) => (version === 2 ? 3 : version));
    await writer.kill();
    await building.ended;
    const next = await other.run([...lockkeeper, "publish", "marts", "--", "/opt/node", "/srv/project/build.mjs", "3"]);
    expect(next).toMatchObject({ code: 0, stderr: expect.stringMatching(/the last publisher, process \d+, died/) as string });
    expect((await api.get("/v1/stores/marts/queries/versions", { "Min-Version": "2" })).status).toBe(200);
    const { failures, requests } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(0);
    ledger.add({ ...rows.died, count: 1 });
  });

  test("SIGTERM lets a request under way be answered, within the grace", async () => {
    const { topology } = await deployed();
    const api = await topology.api();
    const [, check = "[]"] = /CMD (\[.*\])$/.exec(dockerfile().find(({ name }) => name === "HEALTHCHECK")?.text ?? "") ?? [];
    const probe = (JSON.parse(check) as string[]).map((word) =>
      word.replace(/^node$/, "/opt/node").replace("http://127.0.0.1:4600", api.url),
    );
    expect(await api.container.run(probe)).toMatchObject({ code: 0 });
    const answer = api.get("/v1/stores/marts/queries/slow");
    await expect
      .poll(async () => (await api.get("/metrics")).text(), { ...poll, interval: 20 })
      .toContain(`lockkeeper_gate_running{gate="answers"} 1`);
    const since = performance.now();
    process.kill(api.container.mainPid(), "SIGTERM");
    expect((await answer).status).toBe(200);
    expect(await api.container.main.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - since).toBeLessThan(composeService("api").graceMs);
    await expect(api.get("/healthz")).rejects.toThrow("fetch failed");
    ledger.add({ ...rows.stopped, count: 1 });
  });
});

test.runIf(lacks !== undefined)(`namespaces cannot be made here: ${lacks}`, () => {
  for (const row of Object.values(rows)) ledger.add({ ...row, outcome: "", count: 0, skipped: lacks ?? "" });
});
