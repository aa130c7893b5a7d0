import { noQuery, storePath, storesAnswer } from "../../model/http.ts";
import type { StoreStatus } from "../../model/results.ts";
import type { ServerContext } from "../context.ts";
import { jsonReply } from "../reply.ts";
import { publicError } from "../problem.ts";
import { route, type RequestContext, type Route } from "../route.ts";

/** Stores, with what is active in each. */
export function storeRoutes(context: ServerContext): Route[] {
  const { stores, workspace } = context;
  const describe = ({ store, kind, status, release, version, lastUpdated }: StoreStatus) => ({
    store,
    kind,
    status,
    release,
    version,
    lastUpdated,
    servingVersion: stores.peek(store)?.status().servingVersion,
  });
  const list = route(
    {
      method: "get",
      path: "/v1/stores",
      id: "listStores",
      summary: "The stores that the caller may read",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "Each store with what is active in it.", content: { "application/json": storesAnswer } } },
      errors: [],
    },
    async ({ request }) => {
      const visible = await visibleStores(context, request);
      return jsonReply({ stores: visible.map(describe) });
    },
  );
  const one = route(
    {
      method: "get",
      path: "/v1/stores/{store}",
      id: "showStore",
      summary: "What is active in a store",
      level: "read",
      pathSchema: storePath,
      querySchema: noQuery,
      answers: { 200: { description: "The store.", content: { "application/json": storesAnswer.shape.stores.element } } },
      errors: ["STORE_UNKNOWN"],
    },
    async ({ path }) => {
      stores.assertKnown(path.store);
      const status = (await workspace.status()).find(({ store }) => store === path.store);
      if (status === undefined) throw publicError("STORE_UNKNOWN", `there is no store ${JSON.stringify(path.store)}`);
      return jsonReply(describe(status));
    },
  );
  return [list, one];
}

async function visibleStores({ workspace }: ServerContext, request: RequestContext): Promise<StoreStatus[]> {
  const { stores } = request.get("principal");
  const all = await workspace.status();
  return stores === undefined ? all : all.filter(({ store }) => stores.includes(store));
}
