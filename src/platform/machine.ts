import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, userInfo } from "node:os";
import { errnoOf } from "./io-error.ts";
import { lockAddonProblem } from "./kernel-locks.ts";
import type { Machine } from "./port.ts";

const { R_OK, W_OK, X_OK } = constants;

/** This machine. */
export function nodeMachine(): Machine {
  return {
    node: { version: process.versions.node, range: enginesRange() },
    system: `${process.platform}-${process.arch}${libraryText()}`,
    lockAddonProblem,
    descriptorsMax,
    availableMemory: () => process.availableMemory(),
    processors: availableParallelism(),
    timeZone,
    user,
    denied,
  };
}

function enginesRange(): string {
  return (createRequire(import.meta.url)("../../package.json") as { engines: { node: string } }).engines.node;
}

/** Only glibc tells its version; a Linux without one has musl. */
function libraryText(): string {
  if (process.platform !== "linux") return "";
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? ", musl" : `, glibc ${header.glibcVersionRuntime}`;
}

async function descriptorsMax(): Promise<number | undefined> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => undefined);
  if (limits !== undefined) return limitOf(/^Max open files\s+(\S+)/m.exec(limits)?.[1]);
  // Windows has no such table.
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } };
  return limitOf(report.userLimits?.open_files?.soft);
}

function limitOf(said: number | string | undefined): number | undefined {
  if (said === undefined) return undefined;
  return said === "unlimited" ? Infinity : Number(said);
}

/** Said to be a text always; for a `TZ` that it does not know Node gives none. */
function timeZone(): string | undefined {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function user(): ReturnType<Machine["user"]> {
  const id = process.getuid?.();
  try {
    return { id, name: userInfo().username };
  } catch {
    // A user of a container often stands in no list of users.
    return { id, name: undefined };
  }
}

async function denied(path: string, to: "read" | "write"): Promise<string | undefined> {
  try {
    // What is in a folder can be reached by who may pass through it only.
    const through = (await stat(path)).isDirectory() ? X_OK : 0;
    await access(path, (to === "read" ? R_OK : W_OK) | through);
    return undefined;
  } catch (error) {
    return errnoOf(error) ?? "EACCES";
  }
}
