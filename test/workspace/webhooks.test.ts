import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { parseConfig } from "../../src/model/config-findings.ts";
import { acquireLock } from "../../src/platform/lock.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import type { Workspace } from "../../src/workspace/api.ts";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { storeWebhooks } from "../../src/workspace/webhooks.ts";
import { runCli } from "../cli/support/cli.ts";
import { expectSigned, hookSecret, startReceiver } from "../support/receiver.ts";
import { rowsBuild, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

beforeEach(() => {
  vi.stubEnv("HOOK_SECRET", hookSecret);
  return () => vi.unstubAllEnvs();
});

interface Workplace {
  readonly folder: string;
  readonly workspace: Workspace;
  publish(rows?: number): Promise<string>;
  /** A publish whose build fails: an event without the processes that seal and check a release. */
  fail(): Promise<void>;
  /** Waits until no process delivers any more, and gives the one that did so last. */
  delivered(): Promise<number>;
}

/** A workspace with a store `holdings` and a webhook, and what else the store is to say. */
async function workplace(hook: string, more = ""): Promise<Workplace> {
  const folder = temporaryFolder();
  const store = `kind = "release"\ndir = "data"\n${more}\n[[stores.holdings.webhooks]]\nsecret = "env:HOOK_SECRET"\n${hook}\n`;
  const config = join(folder, "lockkeeper.toml");
  writeFileSync(config, `format = 1\n[stores.holdings]\n${store}`);
  const workspace = await openWorkspace({ config });
  onTestFinished(() => workspace.close());
  const path = join(folder, "data/.lockkeeper/webhooks/deliver.lock");
  return {
    folder,
    workspace,
    async publish(rows = 1) {
      const source = rowsBuild(rows);
      const build = source.kind === "function" ? source.build : () => Promise.reject(new Error("no build"));
      return (await workspace.publish("holdings", build)).outcome;
    },
    async fail() {
      const failing = () => Promise.reject(new Error("no input today"));
      await expect(workspace.publish("holdings", failing, { waitMs: 60_000 })).rejects.toThrow("no input today");
    },
    async delivered() {
      while (!existsSync(path) || !readFileSync(path, "utf8").includes("closed")) await pause(5);
      const pid = Number(readFileSync(path, "utf8").split("\n")[0]);
      await deliverersEnded(folder);
      return pid;
    },
  };
}

/** Resolves once none of the processes that deliver for a configuration in `folder`, which is among their arguments, is left. */
async function deliverersEnded(folder: string): Promise<void> {
  const all = () => spawnSync("ps", ["-A", "-ww", "-o", "args="], { encoding: "utf8", maxBuffer: 2 ** 26 }).stdout;
  while (all().includes(basename(folder))) await pause(25);
}

/** Resolves once a process that this one started is gone: asked of the kernel, for no program has to be started for that. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause(5);
  }
}

const quick = { timeout: 60_000 };

test("a publish and a rollback are delivered once each, signed, by a process that then ends", quick, async () => {
  const receiver = await startReceiver();
  const { workspace, publish, delivered } = await workplace(`url = "${receiver.url}"`);
  await publish();
  await receiver.first(1);
  const pid = await delivered();
  expect(pid).not.toBe(process.pid);
  await publish();
  await receiver.first(2);
  await delivered();
  await workspace.rollback("holdings", { reason: "wrong prices" });
  const requests = await receiver.first(3);
  await delivered();
  expectSigned(requests);
  expect(requests.map(({ body }) => [body["id"], body["type"], body["release"], body["version"], body["reason"]])).toEqual([
    [1, "release.switched", "r000001", 1, "publish"],
    [2, "release.switched", "r000002", 2, "publish"],
    [3, "release.switched", "r000001", 3, "rollback"],
  ]);
  expect(requests[2]?.body).toMatchObject({
    store: "holdings",
    previous: { release: "r000002", version: 2 },
    note: "wrong prices",
  });
  expect(requests.some(({ body }) => "commit" in body)).toBe(false);
  expect(await workspace.webhooks({ deliver: true })).toMatchObject([{ status: "pass", after: "3", pending: 0, detail: [] }]);
  expect(receiver.requests).toHaveLength(3);
});

test("a detached build is told like any other: when it is out, refused, or given up", quick, async () => {
  const receiver = await startReceiver();
  const events = `events = ["release.switched", "release.refused", "build.failed"]`;
  const more = `checks = [{ check = "tables", names = ["t"] }]`;
  const { workspace, delivered } = await workplace(`url = "${receiver.url}"\n${events}`, more);
  const begun = async (table: string) => {
    const { build, path } = await workspace.beginBuild("holdings");
    await writeDatabase(path, `CREATE TABLE ${table} AS SELECT 1 AS n`);
    return build;
  };
  expect(await workspace.commitBuild(await begun("t"))).toMatchObject({ outcome: "switched" });
  await receiver.first(1);
  expect(await workspace.commitBuild(await begun("other"))).toMatchObject({ outcome: "refused" });
  await receiver.first(2);
  await workspace.abortBuild(await begun("t"));
  const requests = await receiver.first(3);
  await delivered();
  expect(requests.map(({ body }) => body["type"])).toEqual(["release.switched", "release.refused", "build.failed"]);
});

test("a receiver that never answers delays no publish, of the command line or of the library", quick, async () => {
  const receiver = await startReceiver((index) => (index === 0 ? "never" : 410));
  const { folder, workspace, publish } = await workplace(
    `url = "${receiver.url}"\nevents = ["release.switched", "build.failed"]`,
    `build = { command = [${JSON.stringify(process.execPath)}, "-e", "process.exit(3)"] }`,
  );
  // A command whose output somebody reads ends, although the process that it started waits for its answer.
  const { code, stderr } = await runCli(["publish", "holdings"], { cwd: folder });
  expect({ code, told: stderr.includes("webhooks") }).toEqual({ code: 1, told: false });
  await receiver.first(1);
  expect(await publish()).toBe("switched");
  expect(await workspace.webhooks()).toMatchObject([{ status: "pass", after: "0", pending: 2 }]);
  expect(receiver.requests).toHaveLength(1);
  // It would wait for all its tries otherwise; who comes after it is told to end.
  const [pid = ""] = readFileSync(join(folder, "data/.lockkeeper/webhooks/deliver.lock"), "utf8").split("\n");
  process.kill(Number(pid), "SIGKILL");
  await deliverersEnded(folder);
});

test(
  "what a receiver that was down missed comes with the next publish, in order; so does what a killed deliverer had not noted",
  quick,
  async () => {
    const receiver = await startReceiver();
    const { folder, workspace, fail, delivered } = await workplace(`url = "${receiver.url}"\nevents = ["build.failed"]`);
    const publishKilledAt = async (failpoint: string) => {
      vi.stubEnv("LOCKKEEPER_FAILPOINTS", `${failpoint}=kill`);
      await fail();
      vi.stubEnv("LOCKKEEPER_FAILPOINTS", "");
    };
    const lock = join(folder, "data/.lockkeeper/webhooks/deliver.lock");
    const pidIn = () => (existsSync(lock) ? Number(readFileSync(lock, "utf8").split("\n")[0]) : 0);
    await publishKilledAt("webhook.accepted");
    const [first] = await receiver.first(1);
    const killed = pidIn();
    await ended(killed);
    expect(await workspace.webhooks()).toMatchObject([{ after: "0", pending: 1 }]);
    await receiver.close();
    // Killed when the failure is noted, before the pause of the next try.
    await publishKilledAt("webhook.done");
    while (pidIn() === killed || pidIn() === 0) await pause(5);
    await ended(pidIn());
    expect(await workspace.webhooks()).toMatchObject([
      { status: "fail", after: "0", pending: 2, detail: [expect.stringContaining("ECONNREFUSED")] },
    ]);
    const again = await startReceiver(() => 204, receiver.port);
    await fail();
    const requests = await again.first(3);
    await delivered();
    expect(requests.map(({ body }) => body["id"])).toEqual([1, 2, 3]);
    expect(requests[0]?.id).toBe(first?.id);
    expect(requests[0]?.body).toEqual(first?.body);
  },
);

test("publishers at once have one deliverer at a time: each event comes once, in order", quick, async () => {
  const receiver = await startReceiver();
  const { fail, delivered } = await workplace(`url = "${receiver.url}"\nevents = ["build.failed"]`);
  await Promise.all([fail(), fail(), fail(), fail()]);
  const requests = await receiver.first(4);
  await delivered();
  expect(requests.map(({ body }) => body["id"])).toEqual([1, 2, 3, 4]);
  expect(receiver.requests).toHaveLength(4);
});

test("a refused build is told to who asks for it; one who does not hears nothing", quick, async () => {
  const receiver = await startReceiver();
  const { folder, workspace, publish, delivered } = await workplace(
    `url = "${receiver.url}"\nevents = ["release.refused"]`,
    'checks = [{ check = "rows", table = "t", min = 2 }]',
  );
  await publish(2);
  expect(await publish(1)).toBe("refused");
  const [refused] = await receiver.first(1);
  await delivered();
  expect(refused?.body).toMatchObject({ id: 2, type: "release.refused", build: expect.any(String), detail: expect.any(String) });
  const state = await runCli(["--json", "webhooks"], { cwd: folder, env: { HOOK_SECRET: hookSecret } });
  expect(JSON.parse(state.stdout)).toMatchObject({
    schema: "lockkeeper/webhooks@1",
    webhooks: [{ store: "holdings", status: "pass", events: ["release.refused"], after: "2", pending: 0 }],
  });
  // While another process delivers, a look says so and waits for nobody.
  const path = join(folder, "data/.lockkeeper/webhooks/deliver.lock");
  const lock = await acquireLock(nodePlatform(), { path, code: "WRITER_LOCKED", what: "it", purpose: "test", waitMs: 0 });
  expect(await workspace.webhooks({ deliver: true })).toMatchObject([{ status: "pass", detail: ["another process delivers"] }]);
  await lock.release();
});

test(
  "a secret that is missing or too short is a warning of the publish and exit 3 of `webhooks`, and stands nowhere",
  quick,
  async () => {
    const receiver = await startReceiver();
    const { folder, publish, workspace, delivered } = await workplace(`url = "${receiver.url}"`);
    const told: string[] = [];
    for (const secret of [undefined, `whsec_${Buffer.from("hunter2").toString("base64")}`]) {
      vi.stubEnv("HOOK_SECRET", secret);
      const source = rowsBuild(1);
      if (source.kind !== "function") throw new Error("no build");
      const { outcome } = await workspace.publish("holdings", source.build, {
        onProgress: (event) => event.kind === "warning" && told.push(event.detail),
      });
      expect(outcome).toBe("switched");
      const { code, stdout, stderr } = await runCli(["webhooks", "--deliver"], { cwd: folder, env: { HOOK_SECRET: secret } });
      expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
      expect(stdout).toContain("stores.holdings.webhooks[0].secret: the variable HOOK_SECRET");
      expect(stdout + told.join()).not.toMatch(/whsec_[a-z0-9]/i);
    }
    expect(told).toHaveLength(2);
    expect(receiver.requests).toEqual([]);
    vi.stubEnv("HOOK_SECRET", hookSecret);
    await publish();
    // It could not be used before, so that it begins with what happens now.
    expect((await receiver.first(1))[0]?.body["id"]).toBe(3);
    await delivered();
  },
);

test("addresses in variables, and two webhooks with one address: what cannot be used is told by its key, the others work", () => {
  const secret = "env:HOOK_SECRET";
  const url = "https://ann:hunter2@example.org:8443/token/hunter2?x=1";
  const webhooks = [
    { url: "env:HOOK_URL", secret },
    { url, secret, events: ["release.refused" as const] },
    { url: "env:NONE", secret },
    { url: "http://127.0.0.1:1/", secret: "env:NONE" },
  ];
  const environment = { HOOK_SECRET: hookSecret, HOOK_URL: url };
  const { usable, problems } = storeWebhooks("holdings", { webhooks }, environment);
  expect(usable).toMatchObject([
    { key: "stores.holdings.webhooks[0]", origin: "https://example.org:8443", events: ["release.switched"] },
  ]);
  expect(usable[0]?.url).toBe("https://example.org:8443/token/hunter2?x=1");
  expect(problems).toEqual([
    "stores.holdings.webhooks[1].url: is the address of stores.holdings.webhooks[0]; say its events there",
    "stores.holdings.webhooks[2].url: the variable NONE does not hold an http or https address",
    "stores.holdings.webhooks[3].secret: the variable NONE is not set",
  ]);
  expect(storeWebhooks("holdings", {}, environment)).toEqual({ usable: [], problems: [] });
});

test.each([
  ["url", "ftp://ann:hunter2@example.org/", "must be an http or https address"],
  ["url", "hunter2", "must be an http or https address"],
  ["url", "file:///etc/hunter2", "must be an http or https address"],
  ["url", `https://example.org/hunter2${"a".repeat(2_100)}`, "at most 2048 characters"],
  ["url", 7, "must be a string"],
  ["secret", "whsec_hunter2", 'must be "env:" and the name of a variable'],
  ["secret", ["hunter2"], "must be a string"],
  ["events", ["release.switch"], '"release.switched"'],
  ["events", [], "must not be empty"],
  ["retries", 3, "is not a key of"],
])("a fault of `%s` names the key and shows no secret (%#)", (key, value, rule) => {
  const hook = { url: "http://127.0.0.1:1/", secret: "env:HOOK_SECRET", [key]: value };
  const document = (webhooks: unknown) => ({ format: 1, stores: { holdings: { kind: "release", dir: "data", webhooks } } });
  expect(parseConfig(document([{ ...hook, [key]: { url: "http://127.0.0.1:1/", secret: "env:A" }[key] }])).findings).toHaveLength(
    key === "retries" ? 1 : 0,
  );
  const { findings } = parseConfig(document([hook]));
  expect(findings[0]?.detail).toMatch(new RegExp(`^stores\\.holdings\\.webhooks\\[0\\]\\.${key}`));
  expect(findings[0]?.detail).toContain(rule);
  const table = parseConfig(document({ ...hook, secret: "hunter2" })).findings;
  expect(table[0]?.detail).toBe("stores.holdings.webhooks cannot be used; it must be an array");
  expect(JSON.stringify([findings, table])).not.toContain("hunter2");
});
