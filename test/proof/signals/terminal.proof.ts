import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { acquireLock } from "../../../src/platform/lock.ts";
import { publish } from "../../../src/release/publish.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { startCli, type CliOptions } from "../../cli/support/cli.ts";
import { proofLedger } from "../ledger.ts";
import { binPath, distUrl, startProgram, startScript, type Child } from "../../support/child.ts";
import { manifestBytes, rowsBuild, storeIn } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { atWork, isAlive, onStderr, stoppedAt, stoppingAt } from "./stopped.ts";
import { copyEtl, workspaceAtTwo } from "./support.ts";

const ledger = proofLedger("signals", "2-terminal");

/** Starts the command line as a shell at a terminal does: in a process group of its own, to which Ctrl-C goes as a whole. */
function startInForeground(words: readonly string[], { cwd, env }: CliOptions): Child {
  const launch = `import os, sys\nos.setpgid(0, 0)\nos.execv(sys.argv[1], sys.argv[1:])`;
  return startProgram(["python3", "-c", launch, process.execPath, binPath, ...words], {
    cwd,
    env: { DUCKDB_PATH: undefined, ...env },
  });
}

const signals = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

const hasPython = spawnSync("python3", ["-c", ""]).status === 0;
const ctrlC = (child: Child) => process.kill(-child.pid, "SIGINT");

/** Manifest as before, locks free, no build, the given processes gone, and the next publish works. */
async function expectUntouched(cwd: string, manifest: string, ended: readonly number[] = []): Promise<void> {
  const folder = join(cwd, "data");
  expect(manifestBytes(folder)).toBe(manifest);
  expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
  expect((await storeStatus(storeIn(folder))).lock).toBeUndefined();
  expect(ended.filter(isAlive)).toEqual([]);
  expect(await publish(storeIn(folder), rowsBuild(7))).toMatchObject({ outcome: "switched" });
}

/** A build command that starts a grandchild in the background, prints both PIDs and stays. */
const family = ["sh", "-c", `sleep 600 & echo "family $$ $!"; wait`] as const;

/** The same where neither obeys: only SIGKILL ends them. */
const stubbornFamily = [
  "sh",
  "-c",
  `trap 'echo asked' TERM; trap '' INT; (trap '' TERM INT; while :; do sleep 600; done) & echo "family $$ $!"; while :; do wait; done`,
] as const;

describe.runIf(hasPython)("Ctrl-C at a terminal, to the whole foreground group", () => {
  test("during a build: the command and its children end, too", async () => {
    const cwd = await workspaceAtTwo();
    const manifest = manifestBytes(join(cwd, "data"));
    const child = startInForeground(["publish", "holdings", "--", ...family], { cwd });
    const [, ...pids] = await onStderr(child, /^family (\d+) (\d+)$/m);
    ctrlC(child);
    expect(await child.ended).toEqual({ code: 130, signal: null });
    await expectUntouched(cwd, manifest, pids.map(Number));
    ledger.add({
      operation: "publish",
      fault: "Ctrl-C at a terminal during the build; its command has a child of its own",
      outcome: "exit 130; command and child have ended; nothing changed; the next publish works",
      count: 1,
    });
  });

  test("twice, with a command that obeys neither SIGTERM nor SIGINT: ends at once, and takes all of them along", async () => {
    const cwd = await workspaceAtTwo();
    const child = startInForeground(["publish", "holdings", "--", ...stubbornFamily], { cwd });
    const [, ...pids] = await onStderr(child, /^family (\d+) (\d+)$/m);
    ctrlC(child);
    // The first has arrived once the command was told to end, which it says.
    await onStderr(child, /^asked$/m);
    ctrlC(child);
    expect(await child.ended).toEqual({ code: 130, signal: null });
    // Who was sent SIGKILL is gone when the kernel gets to it.
    for (const pid of pids.map(Number)) while (isAlive(pid)) await pause(20);
    expect(await publish(storeIn(join(cwd, "data")), rowsBuild(7), { waitMs: 60_000 })).toMatchObject({ outcome: "switched" });
    ledger.add({
      operation: "publish",
      fault: "Ctrl-C twice; command and child obey neither SIGTERM nor SIGINT",
      outcome: "exit 130 at once; both are killed; the next publish sweeps the build",
      count: 1,
    });
  });

  test("query, which changes nothing, ends by the signal, at once", async () => {
    const cwd = await workspaceAtTwo();
    const manifest = manifestBytes(join(cwd, "data"));
    const endless = "SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b WHERE hash(a.range) = hash(b.range) + 1";
    const child = startInForeground(["query", "holdings", endless], { cwd });
    await atWork(child);
    ctrlC(child);
    expect(await child.ended).toEqual({ code: null, signal: "SIGINT" });
    await expectUntouched(cwd, manifest);
    ledger.add({
      operation: "query",
      fault: "Ctrl-C during an endless query",
      outcome: "ended by the signal, at once (130 in a shell)",
      count: 1,
    });
  });
});
test.runIf(!hasPython)("no process group can be made here", () =>
  ledger.add({ operation: "publish, query", fault: "Ctrl-C at a terminal", outcome: "", count: 0, skipped: "needs python3" }),
);

describe("waiting", () => {
  test.each(signals)("%s while a command waits for a held lock ends it with %d", async (signal, exit) => {
    const cwd = await workspaceAtTwo();
    const store = storeIn(join(cwd, "data"));
    const manifest = manifestBytes(join(cwd, "data"));
    const held = { code: "BUILD_LOCKED", what: "it", purpose: "prove", waitMs: 0 } as const;
    const locks = [
      await acquireLock(store.platform, { ...held, path: store.paths.buildLock }),
      await acquireLock(store.platform, { ...held, path: store.paths.writerLock }),
    ];
    const commands = [
      ["publish", "holdings", "--wait", "10m", "--", ...copyEtl],
      ["rollback", "holdings", "--wait", "10m"],
    ];
    for (const words of commands) {
      const child = startCli(words, { cwd });
      await onStderr(child, /^waiting /m);
      child.process.kill(signal);
      expect(await child.ended).toEqual({ code: exit, signal: null });
    }
    for (const lock of locks) await lock.release();
    await expectUntouched(cwd, manifest);
    ledger.add({
      operation: "publish and rollback with --wait",
      fault: `${signal} while they wait for a lock`,
      outcome: `exit ${exit}; nothing changed`,
      count: commands.length,
    });
  });
});

describe("builds that do not obey", () => {
  test("a build function is told by its signal, whatever it throws", async () => {
    const cwd = await workspaceAtTwo();
    const folder = join(cwd, "data");
    const manifest = manifestBytes(folder);
    const stop = new AbortController();
    const building = publish(
      storeIn(folder),
      {
        kind: "function",
        build: ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Error("my own words")), { once: true });
            stop.abort(new Error("Ctrl-C"));
          }),
      },
      { signal: stop.signal },
    );
    await expect(building).rejects.toMatchObject({ code: "INTERRUPTED", exit: 130 });
    await expectUntouched(cwd, manifest);
    ledger.add({
      operation: "publish with a build function",
      fault: "the caller's signal aborts",
      outcome: "INTERRUPTED; nothing changed, no build left",
      count: 1,
    });
  });

  test("a signal while a refusal is being reported: exit 3 and the report are whole", async () => {
    for (const [signal] of signals) {
      const cwd = await workspaceAtTwo();
      const folder = join(cwd, "data");
      appendFileSync(join(cwd, "lockkeeper.toml"), `checks = [{ check = "tables", names = ["missing"] }]\n`);
      const manifest = manifestBytes(folder);
      const child = startCli(["publish", "holdings", "--", ...copyEtl], { cwd, env: stoppingAt("quarantine.report.synced") });
      await stoppedAt(child, "quarantine.report.synced");
      child.process.kill(signal);
      child.process.kill("SIGCONT");
      expect(await child.ended).toEqual({ code: 3, signal: null });
      const quarantine = join(folder, ".lockkeeper/quarantine");
      const [build = ""] = readdirSync(quarantine);
      expect(JSON.parse(readFileSync(join(quarantine, build, "report.json"), "utf8"))).toMatchObject({ outcome: "refused" });
      await expectUntouched(cwd, manifest);
    }
    ledger.add({
      operation: "publish that a check refuses",
      fault: "SIGINT or SIGTERM while the refusal is reported",
      outcome: "exit 3, the report is whole; the next publish works",
      count: signals.length,
    });
  });
});

test.runIf(process.platform === "linux")(
  "a process that is killed while its child hashes a file: the child does not go on reading",
  async () => {
    const path = join(temporaryFolder(), "large");
    // Sparse, so that the hashing takes minutes and the disk nothing.
    writeFileSync(path, "");
    truncateSync(path, 256 * 2 ** 30);
    const parent = startScript(`
    import { digestFiles } from ${JSON.stringify(distUrl("engine/duckdb/digest.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const digesting = digestFiles(nodePlatform(), [${JSON.stringify(path)}]);
    console.log("started");
    await digesting;
  `);
    await parent.line("started");
    const hasher = await childOf(parent, "digest-worker");
    parent.process.kill("SIGINT");
    expect(await parent.ended).toEqual({ code: null, signal: "SIGINT" });
    while (isAlive(hasher)) await pause(20);
    ledger.add({
      operation: "a child process that hashes a file",
      fault: "the process that asked is ended by a signal",
      outcome: "the child ends, too",
      count: 1,
    });
  },
);

describe("other signals", () => {
  test("a terminal that closes (SIGHUP) is an interruption: exit 129", async () => {
    const cwd = await workspaceAtTwo();
    const manifest = manifestBytes(join(cwd, "data"));
    const child = startCli(["publish", "holdings", "--", ...family], { cwd });
    const [, ...pids] = await onStderr(child, /^family (\d+) (\d+)$/m);
    child.process.kill("SIGHUP");
    expect(await child.ended).toEqual({ code: 129, signal: null });
    await expectUntouched(cwd, manifest, pids.map(Number));
    ledger.add({
      operation: "publish",
      fault: "SIGHUP during the build: the terminal was closed",
      outcome: "exit 129; command and child have ended; nothing changed",
      count: 1,
    });
  });

  test("SIGPIPE ends nothing: a publish whose output nobody reads any more is done", async () => {
    const cwd = await workspaceAtTwo();
    const folder = join(cwd, "data");
    const child = startCli(["publish", "holdings", "--", ...copyEtl], { cwd, env: stoppingAt("switch.synced") });
    await stoppedAt(child, "switch.synced");
    child.process.stdout?.destroy();
    child.process.stderr?.destroy();
    child.process.kill("SIGPIPE");
    child.process.kill("SIGCONT");
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(manifestBytes(folder))).toMatchObject({ version: 3 });
    expect((await storeStatus(storeIn(folder))).lock).toBeUndefined();
    ledger.add({
      operation: "publish",
      fault: "SIGPIPE, and nobody reads its output any more",
      outcome: "goes on: the release is out, exit 0",
      count: 1,
    });
  });

  test("SIGQUIT is not caught: what it leaves is what kill -9 leaves, and the next publish cleans up", async () => {
    const cwd = await workspaceAtTwo();
    const folder = join(cwd, "data");
    const manifest = manifestBytes(folder);
    const child = startCli(["publish", "holdings", "--", ...copyEtl], { cwd, env: stoppingAt("install.recorded") });
    await stoppedAt(child, "install.recorded");
    child.process.kill("SIGQUIT");
    child.process.kill("SIGCONT");
    expect(await child.ended).toMatchObject({ signal: "SIGQUIT" });
    expect(manifestBytes(folder)).toBe(manifest);
    expect(await storeStatus(storeIn(folder))).toMatchObject({ lock: { held: false, pid: child.pid } });
    expect(await publish(storeIn(folder), rowsBuild(7))).toMatchObject({ outcome: "switched" });
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    ledger.add({
      operation: "publish",
      fault: "SIGQUIT while it installs",
      outcome: "dies as by kill -9: locks free, nothing switched; the next publish cleans up",
      count: 1,
    });
  });
});

/** The PID of a child of `parent` whose command line has `word`. */
async function childOf(parent: Child, word: string): Promise<number> {
  while (isAlive(parent.pid)) {
    const { stdout } = spawnSync("ps", ["-o", "pid=,args=", "--ppid", String(parent.pid)], { encoding: "utf8" });
    const found = stdout.split("\n").find((line) => line.includes(word));
    if (found) return Number.parseInt(found, 10);
    await pause(20);
  }
  throw new Error(`ended without a child ${word}: ${parent.stderr()}`);
}
