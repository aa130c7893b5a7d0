import { viewAsJson } from "../../model/config-view.ts";
import { configJsonSchema } from "../../model/json-schema.ts";
import { configConcerns } from "../../workspace/concerns.ts";
import { loadConfig } from "../../workspace/config-file.ts";
import { showConfig } from "../../workspace/config-show.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { configText } from "../render/config.ts";
import { counted, printable } from "../render/text.ts";

type Input =
  | { readonly action: "show"; readonly store: string | undefined }
  | { readonly action: "validate" }
  | { readonly action: "schema" };

/** `config show [STORE]`, `config validate`, `config schema`. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  switch (input.action) {
    case "show":
      return show(input.store, context);
    case "validate":
      return validate(context);
    case "schema":
      return schema();
  }
}

async function show(store: string | undefined, { options }: CommandContext): Promise<Outcome> {
  const { path, namedBy, view } = await showConfig({ config: options.config }, store);
  return {
    word: "config",
    body: { path, namedBy, config: viewAsJson(view) },
    exit: 0,
    text: (style) => configText({ path, namedBy, view }, style),
  };
}

/** A file with faults is an error (exit 2, all of them in it), as for every command. What is valid but will surprise is a finding (exit 3). */
async function validate({ options }: CommandContext): Promise<Outcome> {
  const loaded = await loadConfig({ config: options.config });
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

/** Needs no file. As text it is the schema itself, to be written to a file; with `--json` it stands in a document, as every result does. */
function schema(): Outcome {
  const jsonSchema = configJsonSchema();
  return { word: "config", body: { jsonSchema }, exit: 0, text: () => JSON.stringify(jsonSchema, null, 2) };
}
