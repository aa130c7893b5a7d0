import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { startProgram, type Child } from "../../support/child.ts";

/** The file systems that can be cut off. */
export type VolumeKind = "ext4" | "xfs";

/** A loop-mounted file system in a mount namespace of its own, whose power can be cut. */
export interface Volume {
  /** Its folder as processes in the namespace see it. */
  readonly folder: string;
  /** The same folder as this process sees it. */
  readonly seen: string;
  /** Starts a Node module, given as text, in the namespace. */
  start(source: string, env?: NodeJS.ProcessEnv): Child;
  /** Nothing more is written, what was in the caches is gone; then it is mounted again and the journal is replayed. */
  cutPower(writer: Child): Promise<void>;
}

const imageBytes = 512 * 1024 * 1024;

/** Why this machine cannot cut a file system off; `undefined` where it can. */
export function volumeLacks(kind: VolumeKind): string | undefined {
  if (process.platform !== "linux") return "no Linux";
  if (process.getuid?.() !== 0) return "not root";
  for (const program of [`mkfs.${kind}`, "unshare", "nsenter", "mount", "cc"]) {
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0) return `no ${program}`;
  }
  const mounted = spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", trialMount(kind)], {
    encoding: "utf8",
  });
  return mounted.status === 0 ? undefined : `no loop mount: ${mounted.stderr.trim().split("\n").at(-1)}`;
}

function trialMount(kind: VolumeKind): string {
  return `folder=$(mktemp -d) && truncate -s ${imageBytes} $folder/image && mkfs.${kind} -q $folder/image && mkdir $folder/mounted && mount -o loop $folder/image $folder/mounted; result=$?; umount $folder/mounted; rm -r $folder; exit $result`;
}

/** Makes a volume for the running test; gone when it has finished. */
export async function makeVolume(kind: VolumeKind): Promise<Volume> {
  const scratch = mkdtempSync(join(tmpdir(), "lockkeeper-volume-"));
  const [image, folder, godown] = [join(scratch, "image"), join(scratch, "mounted"), join(scratch, "godown")];
  writeFileSync(image, "");
  truncateSync(image, imageBytes);
  mkdirSync(folder);
  run([`mkfs.${kind}`, "-q", image]);
  run(["cc", "-o", godown, fileURLToPath(new URL("godown.c", import.meta.url))]);
  // The namespace and its mounts live as long as this process, which ends with its standard input.
  const holder = startProgram(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; read line"]);
  await holder.line("ready");
  const inside = ["nsenter", "--target", String(holder.pid), "--mount", "--"];
  const mount = () => run([...inside, "mount", "-o", "loop", image, folder]);
  mount();
  onTestFinished(async () => {
    holder.process.kill("SIGKILL");
    await holder.ended;
    rmSync(scratch, { recursive: true, force: true });
  });
  return {
    folder,
    seen: join(`/proc/${holder.pid}/root`, folder),
    start: (source, env = {}) => startProgram([...inside, process.execPath, "--input-type=module", "-e", source], { env }),
    async cutPower(writer) {
      run([...inside, godown, folder]);
      writer.process.kill("SIGKILL");
      await writer.ended;
      // A child that the writer had started ends a moment later. Nothing of it reaches the disk: the volume takes no more writes.
      await expect.poll(() => statusOf([...inside, "umount", folder]), { timeout: 30_000 }).toBe(0);
      mount();
    },
  };
}

function statusOf([program = "", ...words]: readonly string[]): number | null {
  return spawnSync(program, words).status;
}

function run([program = "", ...words]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")}: ${error?.message ?? stderr}`);
}
