import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { SwitchResult } from "../../model/results.ts";
import { nodePlatform } from "../../platform/node.ts";
import type { OperationOptions } from "../../release/store.ts";
import { applyInit, planInit, type InitPlan } from "../../workspace/init.ts";
import { workspaceOf } from "../../workspace/workspace.ts";
import { operationOptions, type ChangingOptions } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { switchText } from "../render/plan.ts";
import { printable } from "../render/text.ts";

interface Input extends ChangingOptions {
  readonly store: string | undefined;
  readonly from?: string;
  readonly dir?: string;
  readonly basename?: string;
}

/** The store's name where none is said. */
const defaultStore = "analytics";

/** `init [STORE] [--from FILE]`: a configuration, and with `--from` the first release of a store. */
export async function run(input: Input, context: CommandContext): Promise<Outcome> {
  const { from, dir, basename } = input;
  if (from !== undefined && input.store === undefined) {
    throw new LockkeeperError("USAGE", "--from needs the name of a store", {
      hint: `Say \`lockkeeper init --from ${from} STORE\`.`,
      subject: "--from",
    });
  }
  const options = operationOptions(input, context);
  const plan = await planInit({ config: context.options.config, store: input.store ?? defaultStore, from, dir, basename });
  if (from === undefined) return configured(plan, options);
  const result = await copied(plan, from, options);
  const noFallback = plan.write === undefined && plan.loaded.config.stores[plan.store]?.fallback === undefined;
  if (noFallback)
    context.note(
      `[stores.${plan.store}] has no fallback: set it to ${from}, so that deleting the manifest goes back to that file.`,
    );
  const wrote = plan.write && result.outcome === "switched" ? `wrote ${printable(plan.loaded.path)}\n` : "";
  return { word: "switch", body: result, exit: 0, text: (style) => wrote + switchText(result, style) };
}

async function configured(plan: InitPlan, { dryRun }: OperationOptions): Promise<Outcome> {
  const { loaded, store, write } = plan;
  if (!dryRun) await applyInit(nodePlatform(), plan);
  const written = write !== undefined && !dryRun;
  return {
    word: "config",
    body: { path: loaded.path, store, written, findings: [] },
    exit: 0,
    text: (style) => {
      const path = printable(loaded.path);
      if (!write) return `${path} already has [stores.${store}]; nothing was written`;
      if (!written) return `would write ${path} with [stores.${store}]. Nothing was changed.`;
      return [
        `wrote ${style.bold(path)} with [stores.${store}]`,
        "Next:",
        `  lockkeeper publish ${store} -- COMMAND`,
        "  lockkeeper status",
      ].join("\n");
    },
  };
}

/** The configuration is there before the copy, so that a kill between the two leaves a store that the same command finishes. */
async function copied(plan: InitPlan, from: string, options: OperationOptions): Promise<SwitchResult> {
  const undo = options.dryRun ? async () => undefined : await applyInit(nodePlatform(), plan);
  const workspace = workspaceOf(plan.loaded);
  try {
    return await workspace.initialize(plan.store, from, options);
  } catch (error) {
    // What was wrong is what counts, not whether the file could be put back.
    await undo().catch(() => undefined);
    throw error;
  } finally {
    await workspace.close();
  }
}
