import type { Finding } from "../model/finding.ts";
import { nodePlatform } from "../platform/node.ts";
import type { LoadedConfig } from "./config-file.ts";
import { fallbackPath } from "./fallback.ts";
import { readQueryFiles } from "./query-files.ts";

/**
 * What is valid in a configuration and will surprise all the same: a configured fallback with no file behind it, which is found out
 * only when the manifest is gone; and every fault in files of named queries, which only a server reads.
 */
export async function configConcerns(loaded: LoadedConfig): Promise<Finding[]> {
  const { folder, config } = loaded;
  const { files } = nodePlatform();
  const findings: Finding[] = [];
  for (const [store, settings] of Object.entries(config.stores)) {
    findings.push(...(await readQueryFiles(loaded, { name: store, settings })).findings);
    const { fallback } = settings;
    if (fallback === undefined) continue;
    const path = fallbackPath({ configured: fallback, folder, onlyStore: false, environment: process.env });
    const subject = `stores.${store}.fallback`;
    // A variable that is unset here may well be set where the readers run.
    if (path === undefined || (await files.stat(path)) !== undefined) continue;
    findings.push({
      code: "FILE_MISSING",
      severity: "warn",
      store,
      subject,
      detail: `${subject} is ${fallback}, but ${path} does not exist`,
    });
  }
  return findings;
}
