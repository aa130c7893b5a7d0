import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { WhenDone } from "../support/temporary.ts";
import type { Running } from "./workspace.ts";

const inOwnNamespace = ["unshare", "--mount", "--propagation", "private"] as const;

/** Why this machine gives no process a file system of its own; empty where it does. */
export function whyNoVolume(): string {
  if (process.platform !== "linux") return "no Linux";
  const [program, ...words] = [...inOwnNamespace, "mount", "-t", "tmpfs", "none", "/mnt"];
  const { status, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  return status === 0 ? "" : `no file system of its own: ${error?.message ?? stderr.trim()}`;
}

/** Runs the commands of a workspace with `data` in it being a file system of so many bytes, which nobody else has. */
export async function onSmallVolume(
  cwd: string,
  { bytes, whenDone }: { readonly bytes: number; readonly whenDone: WhenDone },
): Promise<Running> {
  const data = join(cwd, "data");
  mkdirSync(data);
  // The namespace and its mounts live as long as this process, which ends with its standard input.
  const [program, ...words] = [
    ...inOwnNamespace,
    "sh",
    "-c",
    `mount -t tmpfs -o size=${bytes} none "$0" && echo ready && read line`,
    data,
  ];
  const holder = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  whenDone(async () => {
    holder.stdin.end();
    if (holder.exitCode === null) await once(holder, "exit");
  });
  await once(holder.stdout, "data");
  const enter = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "sh", "-c", `cd "$0" && exec "$@"`, cwd];
  return { prefix: enter, seen: join(`/proc/${holder.pid}/root`, cwd) };
}
