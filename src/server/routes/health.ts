import { healthAnswer, noQuery, probeAnswer } from "../../model/http.ts";
import { packageVersion } from "../../platform/package-version.ts";
import type { ServerContext } from "../context.ts";
import { healthOf } from "../health.ts";
import { jsonReply } from "../reply.ts";
import { route, type Route } from "../route.ts";

/** Whether the process runs, whether it serves, and whether what it serves is what it should be. */
export function healthRoutes(context: ServerContext): Route[] {
  return [livenessRoute(), readinessRoute(context), healthRoute(context)];
}

function livenessRoute(): Route {
  return route(
    {
      method: "get",
      path: "/healthz",
      id: "liveness",
      summary: "Whether the process runs",
      description: "Says nothing of the stores: a process that is started again has the same stores.",
      level: "open",
      querySchema: noQuery,
      answers: { 200: { description: "It does.", content: { "application/json": probeAnswer } } },
      errors: [],
    },
    () => Promise.resolve(jsonReply({ status: "pass" })),
  );
}

function readinessRoute({ stores, draining }: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/readyz",
      id: "readiness",
      summary: "Whether every store has an open reader",
      description:
        "A reader that keeps the last good release serves. For who sends requests here; `/health` says whether the data moves.",
      level: "open",
      querySchema: noQuery,
      answers: {
        200: { description: "Every store is served.", content: { "application/json": probeAnswer } },
        503: { description: "One is not, or the server is about to end.", content: { "application/json": probeAnswer } },
      },
      errors: [],
    },
    () => {
      // Open to everybody: numbers, no names.
      const counts = {
        configured: stores.names.length,
        serving: stores.names.filter((store) => stores.peek(store) !== undefined).length,
      };
      const ending = draining();
      const ready = !ending && counts.serving === counts.configured;
      const body = { status: ready ? "pass" : "fail", stores: counts, ...(ending && { draining: true }) };
      return Promise.resolve(jsonReply(body, { status: ready ? 200 : 503 }));
    },
  );
}

function healthRoute(context: ServerContext): Route {
  const content = { "application/health+json": healthAnswer };
  return route(
    {
      method: "get",
      path: "/health",
      id: "health",
      summary: "Whether what is answered is what should be: versions, ages, alarms, load",
      description: "Of the stores that the caller may read. docs/monitoring.md says what each alarm means.",
      level: "read",
      querySchema: noQuery,
      answers: {
        200: { description: "`pass`, or `warn`: something wants a look.", content },
        503: { description: "`fail`: answers come, but not from what they should.", content },
      },
      errors: [],
    },
    ({ request }) => {
      const visible = request.get("principal").stores;
      const names = context.stores.names.filter((store) => visible === undefined || visible.includes(store));
      const health = healthOf(context, names, packageVersion());
      const headers = { "Content-Type": "application/health+json" };
      return Promise.resolve(jsonReply(health, { status: health.status === "fail" ? 503 : 200, headers }));
    },
  );
}
