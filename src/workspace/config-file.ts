import { dirname, isAbsolute, join, resolve } from "node:path";
import { firstLine, isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { configBytesMax, configFileName, type Config } from "../model/config.ts";
import { parseConfig } from "../model/config-findings.ts";
import type { Finding } from "../model/finding.ts";
import { readTextFile } from "../platform/text-file.ts";
import { readCheckFiles } from "./check-files.ts";

/** A valid configuration and where it came from. */
export interface LoadedConfig {
  /** Absolute path of the file. */
  readonly path: string;
  /** Its folder: what the file's relative paths are relative to. */
  readonly folder: string;
  /** With the text of the files that `sql` checks name in their `query`. */
  readonly config: Config;
}

/** Where to look for the configuration. */
export interface ConfigLocation {
  /** The file, as `--config` names it; beats `LOCKKEEPER_CONFIG`, which beats the search upwards from the working folder. */
  readonly config?: string | undefined;
}

/**
 * Finds and reads `lockkeeper.toml`. Throws `CONFIG_MISSING`; `CONFIG_INVALID` or `FEATURE_MISSING` with every fault in
 * `findings`; `USAGE` when the working folder is needed and gone.
 */
export async function loadConfig(location: ConfigLocation = {}): Promise<LoadedConfig> {
  const { path, text } = await locateConfig(location);
  return readConfig(path, text);
}

/** The file that counts, with its text. Throws `CONFIG_MISSING`, and `CONFIG_INVALID` for what is no text. */
export async function locateConfig(location: ConfigLocation): Promise<FoundConfig & { readonly text: string }> {
  const found = await findConfig(location);
  if (found.text === undefined) throw missingConfig(found);
  return { ...found, text: found.text };
}

/** The configuration in `text`, as if it lay at `path`. Throws as `loadConfig` does. */
export async function readConfig(path: string, text: string): Promise<LoadedConfig> {
  const { config, findings } = parseConfig(await parseToml(path, text));
  if (config === undefined) throw invalidConfig(path, findings);
  const folder = dirname(path);
  const read = await readCheckFiles(folder, config);
  if (read.findings.length > 0) throw invalidConfig(path, read.findings);
  return { path, folder, config: read.config };
}

/** The file that counts. */
export interface FoundConfig {
  /** Absolute; where a new one belongs if there is none. */
  readonly path: string;
  /** `undefined` where there is no file. */
  readonly text: string | undefined;
  readonly namedBy: "--config" | "LOCKKEEPER_CONFIG" | "search";
}

/** Which configuration file counts: the option, else `LOCKKEEPER_CONFIG`, else the nearest from the working folder upwards. */
export async function findConfig(location: ConfigLocation): Promise<FoundConfig> {
  const named = location.config ?? (process.env["LOCKKEEPER_CONFIG"] || undefined);
  if (named === undefined) return searchUpwards(workingFolder());
  const path = isAbsolute(named) ? named : resolve(workingFolder(), named);
  return { path, text: await readConfigText(path), namedBy: location.config === undefined ? "LOCKKEEPER_CONFIG" : "--config" };
}

/** The working folder. Throws `USAGE` when it has been deleted. */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new LockkeeperError("USAGE", "the working folder does not exist any more", {
      hint: "Change to a folder that exists, then try again.",
      cause,
    });
  }
}

async function searchUpwards(start: string): Promise<FoundConfig> {
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, configFileName);
    const text = await readConfigText(path);
    if (text !== undefined) return { path, text, namedBy: "search" };
    if (folder === dirname(folder)) return { path: join(start, configFileName), text: undefined, namedBy: "search" };
  }
}

function missingConfig({ path, namedBy }: FoundConfig): LockkeeperError {
  if (namedBy === "search") {
    return new LockkeeperError("CONFIG_MISSING", `no ${configFileName} in ${dirname(path)} or a folder above it`, {
      hint: "Run `lockkeeper init` to write one, `lockkeeper demo` to see it at work, or name one with --config.",
      subject: path,
    });
  }
  return new LockkeeperError("CONFIG_MISSING", `${path} does not exist`, {
    hint: `${namedBy} names it; name a file that exists, or leave it out to search upwards from the working folder.`,
    subject: path,
  });
}

async function readConfigText(path: string): Promise<string | undefined> {
  return readTextFile(path, configBytesMax).catch((error: unknown) => {
    if (!isLockkeeperError(error, "USAGE")) throw error;
    throw new LockkeeperError("CONFIG_INVALID", error.message, {
      hint: `Name a ${configFileName}.`,
      subject: path,
      cause: error,
    });
  });
}

/** Imported on use, as all of the command line's start-up is. */
async function parseToml(path: string, text: string): Promise<unknown> {
  const { parse, TomlError } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    const place = error instanceof TomlError ? `:${error.line}:${error.column}` : "";
    throw new LockkeeperError("CONFIG_INVALID", `${path}${place}: ${firstLine(error).replace("Invalid TOML document: ", "")}`, {
      hint: "Correct the line; the file is TOML 1.0.",
      subject: path,
      cause: error,
    });
  }
}

function invalidConfig(path: string, findings: readonly Finding[]): LockkeeperError {
  const [first, ...more] = findings;
  const code = first?.code === "FEATURE_MISSING" ? "FEATURE_MISSING" : "CONFIG_INVALID";
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return new LockkeeperError(code, `${path}: ${first?.detail ?? "not valid"}${others}`, {
    hint: more.length === 0 ? "Correct the key in the file." : "`lockkeeper config validate` lists them all.",
    subject: first?.subject ?? path,
    findings,
  });
}
