import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import type { Child } from "../../support/child.ts";

/** The environment that stops a process (SIGSTOP) at a failpoint. */
export function stoppingAt(failpoint: string): { readonly LOCKKEEPER_FAILPOINTS: string } {
  return { LOCKKEEPER_FAILPOINTS: `${failpoint}=stop` };
}

/** Resolves once `pattern` is on the child's stderr; rejects when the process ends before. */
export async function onStderr(child: Child, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = pattern.exec(child.stderr());
      if (match) resolve(match);
    };
    child.process.stderr?.on("data", look);
    child.ended.then(() => reject(new Error(`ended without ${String(pattern)}: ${child.stdout()}${child.stderr()}`)), reject);
    look();
  });
}

/** Resolves once the process stands still at the failpoint. It says so just before, so the kernel is asked whether it does. */
export async function stoppedAt(child: Child, failpoint: string): Promise<void> {
  await onStderr(child, new RegExp(`^failpoint ${failpoint.replaceAll(".", "\\.")} stop$`, "m"));
  while (!isStopped(child.pid)) await pause(5);
}

function isStopped(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim().startsWith("T");
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
}

/** Resolves once the process has used two seconds of processor time, more than it needs to start: its endless query runs. */
export async function atWork(child: Child): Promise<void> {
  for (;;) {
    const { stdout } = spawnSync("ps", ["-o", "time=", "-p", String(child.pid)], { encoding: "utf8" });
    if (/:0[2-9]|:[1-5]\d$/.test(stdout.trim())) return;
    await pause(50);
  }
}
