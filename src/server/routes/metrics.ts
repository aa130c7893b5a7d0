import { noQuery } from "../../model/http.ts";
import type { ServerContext } from "../context.ts";
import { metricsType, type ServerMetrics } from "../metrics/metrics.ts";
import { route, type Route } from "../route.ts";

/** Figures for Prometheus. */
export function metricsRoute({ stores }: ServerContext, metrics: ServerMetrics): Route {
  return route(
    {
      method: "get",
      path: "/metrics",
      id: "metrics",
      summary: "Figures for Prometheus, of the stores that the caller may read",
      description: "Text format 0.0.4. docs/monitoring.md lists them.",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "The figures.", content: { "text/plain": "text" } } },
      errors: [],
    },
    async ({ request }) => {
      const visible = request.get("principal").stores;
      const names = stores.names.filter((store) => visible === undefined || visible.includes(store));
      const headers = { "Content-Type": metricsType, "Cache-Control": "no-store" };
      return { status: 200, headers, body: await metrics.text(names) };
    },
  );
}
