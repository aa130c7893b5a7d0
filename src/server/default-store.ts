import type { ServerContext } from "./context.ts";
import { publicError } from "./problem.ts";
import type { RequestContext } from "./route.ts";

/** The store that addresses without one mean, where the caller may see it. Throws `STORE_UNKNOWN`. */
export function defaultStoreOf({ defaultStore }: Pick<ServerContext, "defaultStore">, request: RequestContext): string {
  const visible = request.get("principal").stores;
  if (defaultStore !== undefined && (visible === undefined || visible.includes(defaultStore))) return defaultStore;
  throw publicError("STORE_UNKNOWN", "no store is the default one here", { hint: "Set serve.default_store in lockkeeper.toml." });
}
