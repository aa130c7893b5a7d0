import { basename, dirname, join, resolve } from "node:path";
import { isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { Finding } from "../model/finding.ts";
import { parseNamedQuery, queryFileBytesMax, queryFilesMax, type NamedQuery } from "../model/named-query.ts";
import { didYouMean } from "../model/nearest.ts";
import { ioError } from "../platform/io-error.ts";
import { nodePlatform } from "../platform/node.ts";
import { readTextFile } from "../platform/text-file.ts";
import type { LoadedConfig } from "./config-file.ts";
import type { NamedStore } from "./store-options.ts";

/** What a store's files of named queries came to: those that are whole, by name, and every fault. */
export interface QueryFiles {
  readonly queries: readonly NamedQuery[];
  readonly findings: readonly Finding[];
}

/** Reads the files that a store's `queries` names; none where it has no such key. Whatever is wrong with them is a finding. */
export async function readQueryFiles(
  { folder }: Pick<LoadedConfig, "folder">,
  { name: store, settings }: NamedStore,
): Promise<QueryFiles> {
  if (settings.queries === undefined) return { queries: [], findings: [] };
  const key = `stores.${store}.queries`;
  const error = (code: string, subject: string, detail: string): Finding => ({ code, severity: "error", store, subject, detail });
  const queries: NamedQuery[] = [];
  const findings: Finding[] = [];
  try {
    const paths = await pathsOf(resolve(folder, settings.queries));
    if (typeof paths === "string") return { queries, findings: [error("CONFIG_INVALID", key, `${key}: ${paths}`)] };
    for (const path of paths) {
      const { query, problems } = await readQueryFile(path);
      if (query) queries.push(query);
      findings.push(...problems.map((problem) => error("CONFIG_INVALID", path, `${path}: ${problem}`)));
    }
  } catch (cause) {
    if (!isLockkeeperError(cause)) throw cause;
    findings.push(error(cause.code, key, `${key}: ${cause.message}`));
  }
  return { queries, findings };
}

/** The named queries of a store. Throws `CONFIG_INVALID` with every fault in `findings` unless all of its files are whole. */
export async function namedQueries(loaded: LoadedConfig, store: NamedStore): Promise<readonly NamedQuery[]> {
  const { queries, findings } = await readQueryFiles(loaded, store);
  const [first, ...more] = findings;
  if (first === undefined) return queries;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new LockkeeperError("CONFIG_INVALID", `${first.detail}${others}`, {
    hint:
      more.length === 0
        ? "Correct the file; docs/queries.md says how one is written."
        : "`lockkeeper config validate` lists them all.",
    subject: first.subject,
    findings,
  });
}

/** The files, by name; or what is wrong with the folder. */
async function pathsOf(pattern: string): Promise<readonly string[] | string> {
  if (basename(pattern) !== "*.sql") return [pattern];
  const folder = dirname(pattern);
  const { files } = nodePlatform();
  try {
    const target = await files.resolve(folder);
    const stat = target === undefined ? undefined : await files.stat(target);
    if (target === undefined || stat === undefined) return `${folder} does not exist`;
    if (stat.kind !== "folder") return `${folder} is not a folder`;
    const names = (await files.list(target)).filter((name) => name.endsWith(".sql") && !name.startsWith("."));
    if (names.length === 0) return `${folder} holds no file whose name ends in .sql`;
    if (names.length > queryFilesMax) return `${folder} holds ${names.length} SQL files; at most ${queryFilesMax} are read`;
    return names.map((name) => join(folder, name));
  } catch (error) {
    throw ioError(error, "read", folder);
  }
}

async function readQueryFile(
  path: string,
): Promise<{ readonly query?: NamedQuery | undefined; readonly problems: readonly string[] }> {
  try {
    const text = await readTextFile(path, queryFileBytesMax);
    if (text !== undefined) return parseNamedQuery(basename(path, ".sql"), text);
    const beside = await nodePlatform()
      .files.list(dirname(path))
      .catch(() => []);
    return { problems: [`does not exist${didYouMean(basename(path), beside)}`] };
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return { problems: [error.message.replace(`${path} `, "")] };
  }
}
