import { loadConfig } from "../../workspace/config-file.ts";
import { configConcerns } from "../../workspace/concerns.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { counted, printable } from "../render/text.ts";

/**
 * `config validate`: a file with faults is an error (exit 2, all of them in it), as for every command. What is valid but will
 * surprise is a finding (exit 3).
 */
export async function run(_input: object, context: CommandContext): Promise<Outcome> {
  const loaded = await loadConfig({ config: context.options.config });
  const findings = await configConcerns(loaded);
  return {
    word: "config",
    body: { path: loaded.path, findings },
    exit: findings.length > 0 ? 3 : 0,
    text: (style) => {
      const stores = counted(Object.keys(loaded.config.stores).length, "store");
      const lines = findings.map((finding) => `  ${style.yellow(finding.severity)} ${printable(finding.detail)}`);
      return [`${printable(loaded.path)} is ${style.green("valid")}: ${stores}`, ...lines].join("\n");
    },
  };
}
