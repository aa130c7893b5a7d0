import { basename, dirname, resolve } from "node:path";
import { isLockkeeperError } from "../errors/lockkeeper-error.ts";
import type { Check } from "../model/check.ts";
import type { Config } from "../model/config.ts";
import type { Finding } from "../model/finding.ts";
import { didYouMean } from "../model/nearest.ts";
import { nodePlatform } from "../platform/node.ts";
import { readTextFile } from "../platform/text-file.ts";

/** A larger file is no check. Bytes. */
const fileBytesMax = 100_000;

/**
 * The configuration with the text of each file that a `sql` check names in its `query`, so that a publish of hours does not end at a file that was moved. What cannot
 * be read is a finding, each with the key's path.
 */
export async function readCheckFiles(
  folder: string,
  config: Config,
): Promise<{ readonly config: Config; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const stores: Config["stores"] = {};
  for (const [store, settings] of Object.entries(config.stores)) {
    const checks: Check[] = [];
    for (const [index, check] of (settings.checks ?? []).entries()) {
      const read = check.check === "sql" && check.file !== undefined ? await statementIn(resolve(folder, check.file)) : undefined;
      checks.push(check.check === "sql" && read?.text !== undefined ? { ...check, query: read.text } : check);
      if (read?.problem === undefined) continue;
      const subject = `stores.${store}.checks[${index}].file`;
      findings.push({ code: "CONFIG_INVALID", severity: "error", store, subject, detail: `${subject}: ${read.problem}` });
    }
    stores[store] = settings.checks === undefined ? settings : { ...settings, checks };
  }
  return { config: { ...config, stores }, findings };
}

async function statementIn(path: string): Promise<{ readonly text?: string; readonly problem?: string }> {
  try {
    const text = await readTextFile(path, fileBytesMax);
    if (text === undefined) return { problem: `${path} does not exist${didYouMean(basename(path), await namesBeside(path))}` };
    if (text.trim() === "") return { problem: `${path} is empty; write one SELECT that returns the offending rows` };
    return text.includes("\0") ? { problem: `${path} holds a NUL character` } : { text };
  } catch (error) {
    if (!isLockkeeperError(error)) throw error;
    return { problem: error.message };
  }
}

async function namesBeside(path: string): Promise<string[]> {
  return nodePlatform()
    .files.list(dirname(path))
    .catch(() => []);
}
