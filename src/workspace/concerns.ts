import type { Finding } from "../model/finding.ts";
import { nodePlatform } from "../platform/node.ts";
import type { LoadedConfig } from "./config-file.ts";
import { fallbackPath } from "./fallback.ts";
import { readQueryFiles } from "./query-files.ts";

/**
 * What is valid in a configuration and will surprise all the same: a configured fallback with nothing behind it, which is found out
 * only when the manifest is gone; and every fault in files of named queries, which only a server reads.
 */
export async function configConcerns(loaded: LoadedConfig): Promise<Finding[]> {
  const { folder, config } = loaded;
  const { files } = nodePlatform();
  const findings: Finding[] = [];
  for (const [store, settings] of Object.entries(config.stores)) {
    findings.push(...(await readQueryFiles(loaded, { name: store, settings })).findings);
    const fallbacks = [
      { kind: "file", key: "fallback", configured: settings.fallback },
      { kind: "parquet", key: "fallback_parquet", configured: settings.fallback_parquet },
    ] as const;
    for (const { kind, key, configured } of fallbacks) {
      if (configured === undefined) continue;
      const path = fallbackPath({ kind, configured, folder, onlyStore: false, environment: process.env });
      const subject = `stores.${store}.${key}`;
      // A variable that is unset here may well be set where the readers run.
      if (path === undefined || (await files.stat(path)) !== undefined) continue;
      findings.push({
        code: "FILE_MISSING",
        severity: "warn",
        store,
        subject,
        detail: `${subject} is ${configured}, but ${path} does not exist`,
      });
    }
  }
  return findings;
}
