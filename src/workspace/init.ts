import { basename as baseOf, dirname, isAbsolute, join, parse, relative, resolve } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { basenamePattern, idPattern, reservedBasenames } from "../model/names.ts";
import { replaceFile, writeNewFile } from "../platform/files.ts";
import { ioError } from "../platform/io-error.ts";
import type { Platform } from "../platform/port.ts";
import { findConfig, readConfig, workingFolder, type ConfigLocation, type LoadedConfig } from "./config-file.ts";
import { configText, storeText } from "./config-template.ts";

/** What to begin with. Relative paths are relative to the working folder. */
export interface InitRequest extends ConfigLocation {
  readonly store: string;
  /** The DuckDB file that becomes the first release and the fallback. */
  readonly from?: string | undefined;
  readonly dir?: string | undefined;
  readonly basename?: string | undefined;
}

/** What beginning would do to the configuration file. */
export interface InitPlan {
  /** The configuration as it will be: checked before anything is written. */
  readonly loaded: LoadedConfig;
  readonly store: string;
  /** `undefined` where the file already has the store. */
  readonly write: { readonly text: string; readonly before: string | undefined } | undefined;
}

/**
 * Plans a new `lockkeeper.toml`, or one more store at the end of the one that is there. Throws `USAGE` for a name that cannot be used or options
 * that an existing store does not take, and what `readConfig` throws for a file with faults.
 */
export async function planInit(request: InitRequest): Promise<InitPlan> {
  const { store } = request;
  if (!idPattern.test(store)) {
    throw new LockkeeperError("USAGE", `"${store}" cannot be a store's name`, {
      hint: 'Use lower-case letters, digits, "_" and "-", 64 at most.',
      subject: store,
    });
  }
  const { path, text: before } = await findConfig(request);
  if (before !== undefined) {
    const loaded = await readConfig(path, before);
    if (Object.hasOwn(loaded.config.stores, store)) return existing(loaded, request);
  }
  const section = sectionOf(request, dirname(path));
  const text = before === undefined ? configText(section) : `${before.replace(/\n*$/, "\n\n")}${storeText(section)}`;
  return { loaded: await readConfig(path, text), store, write: { text, before } };
}

/** Writes the configuration of a plan; returns what puts the former state back. Throws `USAGE` for a file that is a link. */
export async function applyInit(platform: Platform, { loaded, write }: InitPlan): Promise<() => Promise<void>> {
  if (!write) return async () => undefined;
  const { path } = loaded;
  const { files } = platform;
  if (write.before === undefined) {
    try {
      await writeNewFile(platform, { path, bytes: Buffer.from(write.text), failpoint: "config" });
      await files.syncFolder(dirname(path));
    } catch (error) {
      throw ioError(error, "write", path);
    }
    return () => files.removeFile(path);
  }
  const stat = await files.stat(path);
  if (stat?.kind !== "file") {
    throw new LockkeeperError("USAGE", `${path} is a link, which is not written through`, {
      hint: "Add the store to the file itself.",
      subject: path,
    });
  }
  const { before, text } = write;
  const file = { path, failpoint: "config", permissions: stat.mode };
  await replaceFile(platform, { ...file, bytes: Buffer.from(text) });
  return () => replaceFile(platform, { ...file, bytes: Buffer.from(before) });
}

function existing(loaded: LoadedConfig, request: InitRequest): InitPlan {
  for (const option of ["dir", "basename"] as const) {
    if (request[option] === undefined) continue;
    throw new LockkeeperError("USAGE", `[stores.${request.store}] is already in ${loaded.path}, so --${option} has no use`, {
      hint: `Change ${option} in the file.`,
      subject: `--${option}`,
    });
  }
  return { loaded, store: request.store, write: undefined };
}

function sectionOf({ store, from, dir, basename }: InitRequest, folder: string) {
  const fallback = from === undefined ? undefined : fromFolder(folder, from);
  return {
    name: store,
    dir: dir === undefined ? `data/${store}` : fromFolder(folder, dir),
    basename: stemOf(basename, from, store),
    fallback,
  };
}

/**
 * The stem that the data files get. An existing file's own stem is kept: its views name it as their catalogue.
 */
function stemOf(basename: string | undefined, from: string | undefined, store: string): string {
  const stem = basename ?? (from === undefined ? store : parse(baseOf(from)).name);
  if (basenamePattern.test(stem) && !reservedBasenames.has(stem.toLowerCase())) return stem;
  throw new LockkeeperError("USAGE", `"${stem}" cannot be the stem of data files`, {
    hint: `Say --basename NAME with letters, digits, "_", "-", "."; not ${[...reservedBasenames].join(", ")}.`,
    subject: "--basename",
  });
}

/** A path as the file in `folder` spells it: relative inside the folder, so that both can move together; else absolute. */
function fromFolder(folder: string, path: string): string {
  const absolute = isAbsolute(path) ? path : resolve(workingFolder(), path);
  const inside = relative(folder, absolute);
  if (inside === "" || inside.startsWith("..") || isAbsolute(inside)) return absolute;
  return join(inside).replaceAll("\\", "/");
}
