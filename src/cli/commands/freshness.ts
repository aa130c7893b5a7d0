import type { StoreFreshness } from "../../model/results.ts";
import { formatElapsed } from "../../model/units.ts";
import { durationOf } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import type { Style } from "../render/style.ts";
import { printable, tableLines } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string | undefined;
  readonly maxAge?: string;
}

/** `freshness [STORE]`: 3 when a release is late, missing, or of an age that cannot be told. */
export async function run({ store, maxAge }: Input, context: CommandContext): Promise<Outcome> {
  const maxAgeMs = maxAge === undefined ? undefined : durationOf("--max-age", maxAge);
  return withWorkspace(context, async (workspace) => {
    const stores = await workspace.freshness({ store, maxAgeMs });
    return {
      word: "freshness",
      body: { stores },
      exit: stores.some(({ status }) => status === "fail") ? 3 : 0,
      text: (style) => freshnessText(stores, style),
    };
  });
}

function freshnessText(stores: readonly StoreFreshness[], style: Style): string {
  if (stores.length === 0) return "There are no stores yet.";
  const rows = stores.map((store) => [
    store.store,
    store.status,
    store.release ?? "-",
    store.version === undefined ? "-" : String(store.version),
    store.lastUpdated ?? "-",
    ageText(store.ageMs),
    store.lastDataLoadDate ?? "-",
  ]);
  const details = stores.flatMap((store) => store.detail.map((detail) => `${style.yellow(store.store)}: ${printable(detail)}`));
  return [
    ...tableLines(["store", "status", "release", "version", "updated", "age", "data"], rows, { style, right: new Set([3, 5]) }),
    ...(details.length > 0 ? ["", ...details] : []),
  ].join("\n");
}

function ageText(ageMs: number | undefined): string {
  if (ageMs === undefined) return "-";
  return ageMs < 0 ? `-${formatElapsed(-ageMs)}` : formatElapsed(ageMs);
}
