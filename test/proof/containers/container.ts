import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { distUrl, startProgram, type Child } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** A folder or file of this machine that a container sees at a path of its own. */
export interface ContainerMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** What a container is made of. */
export interface ContainerOptions {
  /** Its host's name, which lock notes tell. */
  readonly hostname: string;
  /** `10001:10000`: user and group. */
  readonly user: string;
  readonly mounts: readonly ContainerMount[];
  /** Folders in memory, the only ones that are writable beside mounts. */
  readonly memoryFolders: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Process 1. Default: one that does nothing until the container ends. */
  readonly command?: readonly string[];
}

/**
 * Processes that see what a container's see: a root of their own that is read-only, mounts, process numbers and a host's name of their own, a user without any capability. Made of the kernel's namespaces as
 * an engine makes them; images, networks and limits are not part of it.
 */
export interface Container {
  /** Process 1, with its output. */
  readonly main: Child;
  /** Number of process 1 on this machine. */
  mainPid(): number;
  /** Starts one more process, as `docker exec` does. */
  start(words: readonly string[], options?: RunOptions): Child;
  /** Runs one more process to its end. */
  run(words: readonly string[], options?: RunOptions): Promise<Finished>;
  /** `kill -9` of all its processes; resolves when they are gone. */
  kill(): Promise<void>;
}

/** How a process is started in a container. */
export interface RunOptions {
  /** Default: the container's. */
  readonly user?: string;
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a process printed and how it ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line in a container. */
export const lockkeeper = ["/opt/node", "/opt/lockkeeper/dist/bin/lockkeeper.js"] as const;

const checkout = fileURLToPath(new URL("../../../", import.meta.url));
const programs = ["unshare", "nsenter", "setpriv", "mount", "chroot", "env"];

/** Why this machine has no containers of this kind; `undefined` where it has. */
export function containersLack(): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root";
  const missing = programs.find((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  if (missing !== undefined) return `no ${missing}`;
  const { status, stderr } = spawnSync("unshare", [...namespaces, "sh", "-c", "mount -t tmpfs none /mnt"], { encoding: "utf8" });
  return status === 0 ? undefined : `no namespaces: ${stderr.trim().split("\n").at(-1)}`;
}

const namespaces = ["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private"];

/** Builds the root in memory, then becomes process 1 in it. Mounts go with the namespace: nothing of it is seen outside. */
const setUp = `
set -e
root=$1; hostname "$2"; shift 2
mount -t tmpfs -o mode=0755 none "$root"
cd "$root"
mkdir -p proc dev etc opt/lockkeeper
mount -t proc proc proc
mount --rbind /dev dev
for name in usr bin sbin lib lib64; do
  if [ -L "/$name" ]; then cp -P "/$name" .; elif [ -d "/$name" ]; then mkdir "$name"; mount --rbind "/$name" "$name"; fi
done
place() {
  if [ -d "$1" ]; then mkdir -p ".$2"; else mkdir -p "$(dirname ".$2")"; [ -e ".$2" ] || : > ".$2"; fi
  mount --bind "$1" ".$2"
  [ "$3" = rw ] || mount -o remount,bind,ro ".$2"
}
[ ! -e /etc/ld.so.cache ] || place /etc/ld.so.cache /etc/ld.so.cache ro
while [ "$1" != -- ]; do
  if [ "$1" = memory ]; then mkdir -p ".$2"; mount -t tmpfs -o mode=1777,size=512m none ".$2"; shift 2; else place "$1" "$2" "$3"; shift 3; fi
done
shift
mount -o remount,ro "$root"
exec "$@"
`;

/** Starts a container for the running test; it ends with it. Where it cannot be made, whoever waits for a line of it is told why. */
export function startContainer(options: ContainerOptions): Container {
  const root = temporaryFolder();
  const inside = join(root, "root");
  mkdirSync(inside);
  const mounts = [...program(), ...options.mounts].flatMap(({ source, target, readOnly }) => [
    source,
    target,
    readOnly ? "ro" : "rw",
  ]);
  const memory = options.memoryFolders.flatMap((folder) => ["memory", folder]);
  const given = [inside, options.hostname, ...memory, ...mounts, "--"];
  const entering = { root: inside, user: options.user, environment: options.environment };
  const first = become(entering, options.command ?? ["sh", "-c", "echo ready; read line"]);
  const main = startProgram(["unshare", ...namespaces, "sh", "-c", setUp, "sh", ...given, ...first]);
  const enter = ["--target", String(main.pid), "--mount", "--uts", "--ipc", `--pid=/proc/${main.pid}/ns/pid_for_children`];
  const mainPid = () => Number(readFileSync(`/proc/${main.pid}/task/${main.pid}/children`, "utf8").trim());
  const start = (words: readonly string[], { environment, ...more }: RunOptions = {}): Child => {
    const own = { ...entering, ...more, environment: { ...options.environment, ...environment } };
    return startProgram(["nsenter", ...enter, "--", ...become(own, words)]);
  };
  return {
    main,
    mainPid,
    start,
    async run(words, more) {
      const child = start(words, more);
      const { code } = await child.ended;
      return { code, stdout: child.stdout(), stderr: child.stderr() };
    },
    async kill() {
      process.kill(mainPid(), "SIGKILL");
      await main.ended;
    },
  };
}

/** Node, and what the image has in `/opt/lockkeeper`. */
function program(): ContainerMount[] {
  const placed = [
    [realpathSync(process.execPath), "/opt/node"],
    [fileURLToPath(distUrl("")), "/opt/lockkeeper/dist"],
    [realpathSync(join(checkout, "node_modules")), "/opt/lockkeeper/node_modules"],
    ...["package.json", "deploy"].map((name) => [join(checkout, name), `/opt/lockkeeper/${name}`] as const),
  ] as const;
  return placed.map(([source, target]) => ({ source, target, readOnly: true }));
}

interface Entering extends Pick<ContainerOptions, "user" | "environment"> {
  readonly root: string;
  /** The working folder. Default: where the API works, too. */
  readonly folder?: string;
}

/** Words that run others in a root, as a user without capabilities, with nothing of this process's environment. */
function become({ root, user, folder = "/tmp", environment }: Entering, words: readonly string[]): string[] {
  const [uid = "", gid = ""] = user.split(":");
  const rights = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
  const variables = Object.entries({ PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/tmp", ...environment });
  // Another user's process would lose the order to end with its parent.
  const who = ["setpriv", "--pdeathsig", "keep", `--reuid=${uid}`, `--regid=${gid}`, ...rights];
  return ["chroot", root, ...who, "env", "-i", `--chdir=${folder}`, ...variables.map((pair) => pair.join("=")), ...words];
}
