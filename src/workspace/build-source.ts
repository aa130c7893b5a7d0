import { resolve } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { BuildSource } from "../release/store.ts";
import type { Build } from "./api.ts";
import { workingFolder, type LoadedConfig } from "./config-file.ts";
import type { NamedStore } from "./store-options.ts";

/** How a publish makes its data: the build it was given, else what the store is configured with. Throws `USAGE` where there is neither. */
export function buildSource(loaded: LoadedConfig, { name, settings }: NamedStore, build: Build | undefined): BuildSource {
  const configured = settings.build;
  const timeoutMs = configured?.timeout;
  if (typeof build === "function") return { kind: "function", build, timeoutMs };
  if (build && "sql" in build) return { kind: "sql", path: build.sql, folder: build.folder ?? workingFolder(), timeoutMs };
  if (build && "fromDir" in build) return { kind: "folder", source: resolve(workingFolder(), build.fromDir) };
  if (build) return { kind: "command", argv: build.command, folder: build.folder ?? workingFolder(), timeoutMs };
  if (configured?.command) return { kind: "command", argv: configured.command, folder: loaded.folder, timeoutMs };
  if (configured?.sql) return { kind: "sql", path: configured.sql, folder: loaded.folder, timeoutMs };
  throw new LockkeeperError("USAGE", `nothing to build ${name} with`, {
    hint: `Say \`lockkeeper publish ${name} -- COMMAND\`, or set build.command or build.sql in ${loaded.path}.`,
    subject: `stores.${name}.build.command`,
  });
}

/** What is passed from JavaScript or the command line is checked too: a build on a wrong base would go out unnoticed. */
export function assertBase(base: unknown): void {
  if (base === undefined || base === "active") return;
  throw new LockkeeperError("USAGE", `base is ${JSON.stringify(base)}; a build begins with nothing, or with "active"`, {
    hint: "Roll back first, to begin with an older release.",
    subject: "base",
  });
}
