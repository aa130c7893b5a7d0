import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Child } from "../support/child.ts";
import { errorOf, etl, jsonOf, runCli, startCli, workspaceFolder } from "./support/cli.ts";

/** Resolves once `pattern` is on stderr; rejects when the process ends before. */
async function stderrLine(child: Child, pattern: RegExp): Promise<RegExpExecArray> {
  const found = (): RegExpExecArray | null => pattern.exec(child.stderr());
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = found();
      if (match) resolve(match);
    };
    child.process.stderr?.on("data", look);
    child.ended.then(() => reject(new Error(`ended without ${String(pattern)}: ${child.stderr()}`)), reject);
    look();
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function startBuild(cwd: string, mode: "wait" | "wait-stubborn", ...words: string[]): Child {
  return startCli([...words, "publish", "holdings", "--", ...etl("2", mode)], { cwd });
}

async function expectCleanStore(cwd: string): Promise<void> {
  expect(readdirSync(join(cwd, "data/.lockkeeper/builds"))).toEqual([]);
  const { document } = await jsonOf(["publish", "holdings", "--", ...etl("3")], { cwd });
  expect(document).toMatchObject({ outcome: "switched" });
}

describe("a signal during the build: nothing is switched, the lock is free, the build is gone, its command has ended", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends with %d", async (signal, exit) => {
    const cwd = workspaceFolder();
    const child = startBuild(cwd, "wait", "--json");
    const [, pid] = await stderrLine(child, /^building (\d+)$/m);
    child.process.kill(signal);
    expect(await child.ended).toEqual({ code: exit, signal: null });
    expect(child.stdout()).toBe("");
    const last = JSON.parse(child.stderr().trimEnd().split("\n").at(-1) ?? "") as { error: object };
    expect(last.error).toMatchObject({ code: "INTERRUPTED", exit });
    expect(isAlive(Number(pid))).toBe(false);
    await expectCleanStore(cwd);
  });

  it("a second signal does not wait for a command that will not end, and takes it along", async () => {
    const cwd = workspaceFolder();
    const child = startBuild(cwd, "wait-stubborn");
    await stderrLine(child, /^building \d+$/m);
    child.process.kill("SIGINT");
    // The first has arrived once the command was told to end, which it says.
    await stderrLine(child, /^asked to end$/m);
    child.process.kill("SIGINT");
    expect(await child.ended).toEqual({ code: 130, signal: null });
    // The command has the build lock by inheritance: while it ran, this would be locked out.
    await jsonOf(["publish", "holdings", "--", ...etl("3")], { cwd });
    expect(readdirSync(join(cwd, "data/.lockkeeper/builds"))).toEqual([]);
  });
});

describe("two publishers", () => {
  it("the second is locked out with the owner's name: exit 11; status names it too", async () => {
    const cwd = workspaceFolder();
    const first = startBuild(cwd, "wait");
    await stderrLine(first, /^building \d+$/m);
    const error = await errorOf(["publish", "holdings", "--", ...etl("1")], { cwd });
    expect(error).toMatchObject({
      code: "BUILD_LOCKED",
      exit: 11,
      holder: { pid: first.pid, command: expect.stringContaining("publish holdings") },
    });
    const { document } = await jsonOf(["status"], { cwd });
    expect(document).toMatchObject({ stores: [{ lock: { lock: "build", held: true, pid: first.pid } }] });
    first.process.kill("SIGTERM");
    expect((await first.ended).code).toBe(143);
  });

  it("--wait waits for the first to end and says for whom", async () => {
    const cwd = workspaceFolder();
    const first = startBuild(cwd, "wait");
    await stderrLine(first, /^building \d+$/m);
    const second = startCli(["publish", "holdings", "--wait", "10m", "--", ...etl("1")], { cwd });
    const [line] = await stderrLine(second, /^waiting .*$/m);
    expect(line).toContain(String(first.pid));
    first.process.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
    expect(second.stdout()).toContain("holdings now serves r000001");
  });

  it("Ctrl-C ends the waiting", async () => {
    const cwd = workspaceFolder();
    const first = startBuild(cwd, "wait");
    await stderrLine(first, /^building \d+$/m);
    const second = startCli(["publish", "holdings", "--wait", "10m", "--", ...etl("1")], { cwd });
    await stderrLine(second, /^waiting /m);
    second.process.kill("SIGINT");
    expect(await second.ended).toEqual({ code: 130, signal: null });
    first.process.kill("SIGTERM");
    await first.ended;
  });

  it("a rollback during a long build works at once", async () => {
    const cwd = workspaceFolder();
    for (const rows of ["1", "2"]) expect((await runCli(["publish", "holdings", "--", ...etl(rows)], { cwd })).code).toBe(0);
    const build = startBuild(cwd, "wait");
    await stderrLine(build, /^building \d+$/m);
    const { document } = await jsonOf(["rollback", "holdings"], { cwd });
    expect(document).toMatchObject({ schema: "lockkeeper/switch@1", release: "r000001", version: 3 });
    build.process.kill("SIGTERM");
    expect((await build.ended).code).toBe(143);
  });
});
