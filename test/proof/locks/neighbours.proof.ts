import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { rollback } from "../../../src/release/rollback.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { etl, jsonOf, runCli, startCli, workspaceFolder } from "../../cli/support/cli.ts";
import { proofLedger } from "../ledger.ts";
import { isAlive, onStderr } from "../signals/stopped.ts";
import { distUrl, startProgram } from "../../support/child.ts";
import { manifestBytes, manifestOf, startOperation, storeIn } from "../../support/store.ts";
import { startActor, startHolder, storeAtTwo } from "./support.ts";

const ledger = proofLedger("locks", "3-neighbours");
const works = (...words: readonly [string, ...string[]]) => spawnSync(words[0], words.slice(1)).status === 0;
const nobody = 65534;

/** Adds the row of a test that means are missing for. */
function without(means: string, row: { readonly operation: string; readonly fault: string }): void {
  test(`${row.fault}: skipped, ${means}`, () => ledger.add({ ...row, outcome: "", count: 0, skipped: means }));
}

/** A reader in a process of its own: prints `reads <rows> <warnings>`, then holds its pin until a line comes in. */
function startReader(folder: string, wrap: readonly string[], user?: number) {
  const script = `
    import { openReader } from ${JSON.stringify(distUrl("index.js"))};
    ${user === undefined ? "" : `process.setgid(${user}); process.setuid(${user});`}
    const warnings = [];
    process.on("warning", (warning) => warnings.push(warning.message));
    const reader = await openReader({ dir: ${JSON.stringify(folder)} });
    const { rows } = await reader.query("SELECT count(*) FROM t");
    await new Promise((resolve) => setImmediate(resolve));
    console.log("reads " + rows[0][0] + " " + JSON.stringify(warnings));
    process.stdin.once("data", async () => { await reader.close(); process.exit(0); });
  `;
  return startProgram([...wrap, process.execPath, "--input-type=module", "-e", script]);
}

/** What prune makes of the pin of the active release, in a process of its own. */
async function pinIsHeld(folder: string): Promise<boolean> {
  const prune = await startActor("reader's pin", folder);
  return (await prune.ask("contend"))["refused"] === true;
}

const readOnly = { operation: "reader and publish", fault: "store on a read-only bind mount" };
const canMount = works("unshare", "-m", "true");

describe.runIf(canMount)("FACTS 5: a read-only mount", () => {
  test("a reader pins and serves; publish, rollback and status say what is so", async () => {
    const folder = await storeAtTwo();
    const before = manifestBytes(folder);
    const mount = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`;
    const wrap = ["unshare", "-m", "sh", "-c", mount, folder];
    const reader = startReader(folder, wrap);
    expect(await reader.line("reads ")).toBe("reads 2 []");
    expect(await pinIsHeld(folder)).toBe(true);
    const denied = startProgram([...wrap, process.execPath, "--input-type=module", "-e", writeAttempts(folder)]);
    for (const operation of ["publish", "rollback"]) {
      const line = await denied.line(`${operation} `);
      expect(JSON.parse(line.slice(operation.length + 1))).toMatchObject({
        code: "READ_ONLY",
        exit: 17,
        hint: expect.stringContaining("writable") as string,
      });
    }
    expect(manifestBytes(folder)).toBe(before);
    reader.send("close");
    await reader.ended;
    ledger.add({
      ...readOnly,
      outcome: "the reader pins and serves; publish and rollback are refused with READ_ONLY, exit 17; nothing changed",
      count: 1,
    });
  });
});
if (!canMount) without("needs root and Linux", readOnly);

function writeAttempts(folder: string): string {
  return `
    import { duckdbEngine } from ${JSON.stringify(distUrl("engine/duckdb/engine.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    import { openReleaseStore } from ${JSON.stringify(distUrl("release/open.js"))};
    import { publish } from ${JSON.stringify(distUrl("release/publish.js"))};
    import { rollback } from ${JSON.stringify(distUrl("release/rollback.js"))};
    const platform = nodePlatform();
    const store = openReleaseStore({ name: "holdings", dir: ${JSON.stringify(folder)}, layout: "slots", basename: "DB" }, { platform, engine: duckdbEngine(platform) });
    const tell = (name) => (error) => console.log(name + " " + JSON.stringify(error.toJSON?.() ?? String(error)));
    await publish(store, { kind: "function", build: async () => {} }).catch(tell("publish"));
    await rollback(store).catch(tell("rollback"));
  `;
}

const otherUser = { operation: "reader and publish", fault: "another user (uid 65534) who may read the store" };

describe.runIf(process.getuid?.() === 0)("FACTS 5: another user", () => {
  test("pins with a read-only descriptor what he may only read, and is denied a publish", async () => {
    const folder = await storeAtTwo();
    for (const lock of [".writer.lock", ".lockkeeper/build.lock", ".lockkeeper/pins/r000002.pin"]) {
      expect((statSync(join(folder, lock)).mode & 0o777).toString(8)).toBe("644");
    }
    const reader = startReader(folder, [], nobody);
    expect(await reader.line("reads ")).toBe("reads 2 []");
    expect(await pinIsHeld(folder)).toBe(true);
    reader.process.kill("SIGKILL");
    await reader.ended;
    const before = manifestBytes(folder);
    const child = startOperation(
      folder,
      `process.setgid(${nobody}); process.setuid(${nobody}); return publish(store, rowsBuild(3));`,
    );
    const error = JSON.parse((await child.line("error ")).slice("error ".length)) as unknown;
    expect(error).toMatchObject({
      code: "PERMISSION_DENIED",
      exit: 17,
      message: expect.stringContaining(".lockkeeper/build.lock: EACCES") as string,
    });
    expect(manifestBytes(folder)).toBe(before);
    expect(await pinIsHeld(folder)).toBe(false);
    ledger.add({
      ...otherUser,
      outcome: "his pin keeps prune out until he ends; publish is refused with PERMISSION_DENIED naming the lock file",
      count: 1,
    });
  });

  test("pins, locks and records can be read by others whatever the umask of the publisher", async () => {
    const folder = await storeAtTwo();
    const child = startOperation(folder, "process.umask(0o077); return publish(store, rowsBuild(3));");
    await child.line("result ");
    const files = [".lockkeeper/pins/r000003.pin", ".lockkeeper/records/r000003.json", "db_manifest.json", "DB_a.duckdb"];
    for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o644);
    const reader = startReader(folder, [], nobody);
    expect(await reader.line("reads ")).toBe("reads 3 []");
    ledger.add({
      operation: "publish",
      fault: "umask 077 of the publisher, reader of another user",
      outcome: "the reader pins and serves",
      count: 1,
    });
  });
});
if (process.getuid?.() !== 0) without("needs root", otherUser);

const python = { operation: "Python's `fcntl.lockf` on `.writer.lock`, and ours" };
const hasPython = works("python3", "-c", "import fcntl");

describe.runIf(hasPython)("FACTS 5: programs that are not ours", () => {
  const hold = `import fcntl,os,sys\nfd=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT,0o644)\nfcntl.lockf(fd,fcntl.LOCK_EX)\nprint("held",flush=True)\nsys.stdin.readline()\n`;
  const attempt = `import fcntl,os,sys\nfd=os.open(sys.argv[1],os.O_RDWR)\ntry:\n fcntl.lockf(fd,fcntl.LOCK_EX|fcntl.LOCK_NB)\n print("taken")\nexcept OSError: print("refused")\n`;

  test("lockf excludes us, status tells it without a false name, and its death frees the lock", async () => {
    const folder = await storeAtTwo();
    const store = storeIn(folder);
    const other = startProgram(["python3", "-c", hold, store.paths.writerLock]);
    await other.line("held");
    const named = new RegExp(`held by a program that left no note; process \\d+, which the lock file names, has given it up$`);
    const refusal = await rollback(store).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "WRITER_LOCKED",
      exit: 11,
      message: expect.stringMatching(named) as string,
      holder: undefined,
    });
    expect((await storeStatus(store)).lock).toEqual({ lock: "writer", held: true });
    other.process.kill("SIGKILL");
    await other.ended;
    expect(await rollback(store)).toMatchObject({ outcome: "switched" });
    ledger.add({
      ...python,
      fault: "Python holds it; then killed",
      outcome: "WRITER_LOCKED; status tells that a program without a note holds it; free at its death",
      count: 1,
    });
  });

  test("we exclude lockf, and flock(1) is another lock", async () => {
    const folder = await storeAtTwo();
    const store = storeIn(folder);
    const holder = await startHolder("writer lock", folder);
    const tries = () => spawnSync("python3", ["-c", attempt, store.paths.writerLock], { encoding: "utf8" }).stdout.trim();
    expect(tries()).toBe("refused");
    if (works("flock", "--version")) {
      expect(works("flock", "--nonblock", store.paths.writerLock, "true")).toBe(true);
      ledger.add({
        operation: "util-linux `flock(1)` on `.writer.lock`",
        fault: "we hold it",
        outcome: "not kept out: another kind of lock, as docs/format.md says",
        count: 1,
      });
    }
    holder.process.kill("SIGKILL");
    await holder.ended;
    expect(tries()).toBe("taken");
    ledger.add({ ...python, fault: "we hold it; then killed", outcome: "Python is refused; free at our death", count: 1 });
  });
});
if (!hasPython) without("needs python3", { ...python, fault: "Python holds it; then killed" });

describe("two at once", () => {
  test("two publishers that wait for a third: one after the other, both succeed", async () => {
    const cwd = workspaceFolder();
    const first = startCli(["publish", "holdings", "--", ...etl("1", "wait")], { cwd });
    await onStderr(first, /^building \d+$/m);
    const waiting = ["2", "3"].map((rows) =>
      startCli(["--json", "publish", "holdings", "--wait", "10m", "--", ...etl(rows)], { cwd }),
    );
    for (const child of waiting) await onStderr(child, /^waiting /m);
    first.process.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 143 });
    const results = await Promise.all(waiting.map(async (child) => ({ ...(await child.ended), stdout: child.stdout() })));
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    const versions = results.map(({ stdout }) => (JSON.parse(stdout) as { version: number }).version);
    expect(versions.toSorted((left, right) => left - right)).toEqual([1, 2]);
    ledger.add({
      operation: "two publishers with --wait",
      fault: "a third holds the build lock and ends",
      outcome: "one after the other, in either order; both are out",
      count: 2,
    });
  });

  test("kill -9 of the command line: its orphaned build command keeps the build lock, and gives it up at its end", async () => {
    const cwd = workspaceFolder();
    const publisher = startCli(["publish", "holdings", "--", ...etl("1", "wait")], { cwd });
    const [, pid] = await onStderr(publisher, /^building (\d+)$/m);
    publisher.process.kill("SIGKILL");
    await publisher.ended;
    expect(isAlive(Number(pid))).toBe(true);
    const { code, stderr } = await runCli(["publish", "holdings", "--", ...etl("2")], { cwd });
    expect(code).toBe(11);
    expect(stderr).toContain(`process ${publisher.pid} `);
    if (process.platform === "linux") expect(stderr).toContain(`is held by process ${pid} `);
    process.kill(Number(pid), "SIGTERM");
    const { document } = await jsonOf(["publish", "holdings", "--wait", "10m", "--", ...etl("2")], { cwd });
    expect(document).toMatchObject({ outcome: "switched", version: 1 });
    ledger.add({
      operation: "publish",
      fault: "command line killed (SIGKILL), its build command runs on",
      outcome: "BUILD_LOCKED until the orphan ends; then the next publish cleans up and works",
      count: 1,
    });
  });

  test("a build command that leaves a daemon with the inherited lock behind: unlocked all the same", async () => {
    const cwd = workspaceFolder();
    const daemon = `"$@" && { sleep 600 >/dev/null 2>&1 & echo $! > daemon; }`;
    const words = ["publish", "holdings", "--", "sh", "-c", daemon, "sh"];
    try {
      for (const rows of ["1", "2"]) expect((await runCli([...words, ...etl(rows)], { cwd })).code).toBe(0);
      expect(manifestOf(join(cwd, "data"))["version"]).toBe(2);
    } finally {
      spawnSync("sh", ["-c", `[ -f daemon ] && kill -9 $(cat daemon)`], { cwd });
    }
    ledger.add({
      operation: "publish, twice",
      fault: "the build command leaves a daemon behind that has inherited the lock",
      outcome: "the lock is given up at the end of the publish; the second works",
      count: 2,
    });
  });
});
