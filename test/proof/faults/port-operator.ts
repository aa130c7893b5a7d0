import { statSync } from "node:fs";
import { join } from "node:path";
import { duckdbEngine } from "../../../src/engine/duckdb/engine.ts";
import { sqliteEngine } from "../../../src/engine/sqlite/engine.ts";
import { isLockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { FileSystem, KernelLocks, OpenFile, Platform } from "../../../src/platform/port.ts";
import type { FileDigest } from "../../../src/release/engine.ts";
import { adopt } from "../../../src/release/adopt.ts";
import { initialize } from "../../../src/release/initialize.ts";
import { openReleaseStore, type ReleaseStoreOptions } from "../../../src/release/open.ts";
import { publish } from "../../../src/release/publish.ts";
import { rollback } from "../../../src/release/rollback.ts";
import type { BuildSource, OperationOptions, ReleaseStore } from "../../../src/release/store.ts";
import { rowsBuild, sha256Of } from "../../support/store.ts";
import { folderMaker, storeFolder } from "./operations.ts";
import { kinds, type Counted, type Fault, type Kind } from "./shim.ts";
import { words, type Answer, type Operator } from "./sweep.ts";

/** What a call of the port does instead. */
type Decision = "go on" | "short" | "zero";

/** Counts calls and lets the wanted one fail; as the shim, for calls of the port instead of the system's. */
class PortFaults {
  #folder = "";
  #fault: Fault | undefined;
  #sequence = 0;
  #fired = 0;
  #syncedAgain = 0;
  readonly #counts = new Map<Kind, number>();
  readonly #failedSyncs = new Set<string>();

  arm(folder: string, fault: Fault | undefined): void {
    this.#folder = folder;
    this.#fault = fault;
    this.#sequence = this.#fired = this.#syncedAgain = 0;
    this.#counts.clear();
    this.#failedSyncs.clear();
  }

  disarm(): Counted {
    const counts = Object.fromEntries(kinds.map((kind) => [kind, this.#counts.get(kind) ?? 0])) as Record<Kind, number>;
    this.#fault = undefined;
    return { fired: this.#fired, syncedAgain: this.#syncedAgain, counts };
  }

  meet(kind: Kind, path: string): Decision {
    if (path !== this.#folder && !path.startsWith(`${this.#folder}/`)) return "go on";
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    if (kind === "sync" && this.#failedSyncs.has(path)) this.#syncedAgain += 1;
    const fault = this.#fault;
    if (!fault?.kinds.includes(kind)) return "go on";
    this.#sequence += 1;
    if (this.#sequence !== fault.nth && !(fault.sticky && this.#sequence > fault.nth)) return "go on";
    this.#fired += 1;
    if (fault.errno === "short" || fault.errno === "zero") return fault.errno;
    if (kind === "sync") this.#failedSyncs.add(path);
    throw Object.assign(new Error(`${fault.errno}: ${kind} '${path}'`), { code: fault.errno, syscall: kind, path });
  }
}

/** The platform of this machine with faults at its port. */
function faultedPlatform(faults: PortFaults): Platform {
  const platform = nodePlatform();
  return { ...platform, files: faultedFiles(platform.files, faults), locks: faultedLocks(platform.locks, faults) };
}

function faultedFiles(files: FileSystem, faults: PortFaults): FileSystem {
  const at = <T>(kind: Kind, path: string, call: () => Promise<T>): Promise<T> =>
    Promise.resolve().then(() => {
      faults.meet(kind, path);
      return call();
    });
  return {
    ...files,
    open: (path, mode, permissions) =>
      at(mode === "read" ? "open" : "create", path, async () => faultedFile(await files.open(path, mode, permissions), faults)),
    stat: (path) => at("stat", path, () => files.stat(path)),
    statNow(path) {
      faults.meet("stat", path);
      return files.statNow(path);
    },
    readNow(path, bytesMax) {
      faults.meet("read", path);
      return files.readNow(path, bytesMax);
    },
    list: (path) => at("list", path, () => files.list(path)),
    makeFolder: (path) => at("mkdir", path, () => files.makeFolder(path)),
    rename: (source, target) => at("rename", target, () => files.rename(source, target)),
    removeFile: (path) => at("unlink", path, () => files.removeFile(path)),
    removeFolder: (path) => at("rmdir", path, () => files.removeFolder(path)),
    // A folder may be fsynced again: what failed is told, and its entries are made durable by whoever comes next.
    syncFolder: (path) => at("sync", `${path}/${Math.random()}`, () => files.syncFolder(path)),
    link: (source, target) => at("create", target, () => files.link(source, target)),
    copy: (source, target) => at("copy", target, () => files.copy(source, target)),
  };
}

function faultedFile(file: OpenFile, faults: PortFaults): OpenFile {
  return {
    path: file.path,
    get descriptor() {
      return file.descriptor;
    },
    async stat() {
      faults.meet("stat", file.path);
      return file.stat();
    },
    async read(position, bytesMax) {
      faults.meet("read", file.path);
      return file.read(position, bytesMax);
    },
    async write(bytes, position) {
      const decision = faults.meet("write", file.path);
      if (decision === "zero") return 0;
      return file.write(decision === "short" ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes, position);
    },
    async truncate(bytes) {
      faults.meet("truncate", file.path);
      return file.truncate(bytes);
    },
    async sync() {
      faults.meet("sync", file.path);
      return file.sync();
    },
    async setMode(mode) {
      faults.meet("mode", file.path);
      return file.setMode(mode);
    },
    async setOwner(owner, group) {
      faults.meet("mode", file.path);
      return file.setOwner(owner, group);
    },
    async close() {
      await file.close();
      faults.meet("close", file.path);
    },
  };
}

function faultedLocks(locks: KernelLocks, faults: PortFaults): KernelLocks {
  return {
    ...locks,
    tryLock(file, mode, range) {
      faults.meet("lock", file.path);
      return locks.tryLock(file, mode, range);
    },
  };
}

/** Hashing in this process instead of a child's: a Node start for each fault would cost more than all the rest. */
async function digestHere(paths: readonly string[]): Promise<FileDigest[]> {
  return paths.map((path) => ({ path, bytes: statSync(path).size, sha256: sha256Of(path) }));
}

/** The store of an operator, and what it publishes. */
interface Published {
  readonly store: Pick<ReleaseStoreOptions, "layout" | "artifacts" | "retention">;
  readonly build: (rows: number) => BuildSource;
}

const singleFile: Published = { store: { layout: "slots" }, build: rowsBuild };

/** Runs operations in this process, on a platform whose calls fail. Needs neither a compiler nor Linux. */
export function startPortOperator({ store: options, build }: Published = singleFile): Operator {
  const folders = folderMaker();
  const faults = new PortFaults();
  const platform = faultedPlatform(faults);
  const ask = async (folder: string, word: string): Promise<Answer> => {
    const warnings: string[] = [];
    const operation: OperationOptions = { onProgress: (event) => event.kind === "warning" && warnings.push(event.detail) };
    const store = openReleaseStore(
      { name: "holdings", dir: folder, basename: "DB", ...options },
      { platform, engine: { ...duckdbEngine(platform), digest: digestHere }, sqlite: sqliteEngine(platform) },
    );
    try {
      const { outcome, version } = await runWord({ store, build }, word, operation);
      return { outcome, ...(version !== undefined && { version }), warnings };
    } catch (error) {
      const { code, message, hint, subject, stack } = error as NonNullable<Answer["error"]>;
      return {
        error: {
          ours: isLockkeeperError(error),
          code,
          message,
          ...(hint !== undefined && { hint }),
          ...(subject !== undefined && { subject }),
          ...(stack !== undefined && { stack }),
        },
        warnings,
      };
    }
  };
  return {
    async run(operation, fault) {
      const root = await folders.of(operation);
      const folder = storeFolder(root);
      faults.arm(folder, fault);
      const answer = await ask(folder, words[operation.name] ?? "");
      return { root, folder, answer, counted: faults.disarm() };
    },
    ask,
    close: () => undefined,
  };
}

async function runWord(
  { store, build }: { readonly store: ReleaseStore; readonly build: Published["build"] },
  word: string,
  options: OperationOptions,
): Promise<{ outcome: string; version?: number | undefined }> {
  switch (word) {
    case "refused":
      return publish({ ...store, checks: [{ check: "rows", severity: "error", table: "t", min: 10 }] }, build(3), options);
    case "failed":
      return publish(store, { kind: "function", build: () => Promise.reject(new Error("no input today")) }, options);
    case "rollback":
      return rollback(store, options);
    case "adopt":
      return adopt(store, options);
    case "initialize":
      return initialize(store, join(store.paths.folder, "../../DB.duckdb"), options);
    default:
      return publish(store, build(3), options);
  }
}
