import { eventsQuery } from "../../model/http.ts";
import type { ServerContext } from "../context.ts";
import { publicError } from "../problem.ts";
import { route, type RequestContext, type Route } from "../route.ts";

/** What happens in a store, as it happens. */
export function eventRoutes(context: ServerContext): Route[] {
  const events = route(
    {
      method: "get",
      path: "/v1/events",
      id: "followEvents",
      summary: "The events of a store, as they happen",
      description:
        "Server-sent events: `id` is the event's, `event` its type, `data` the event as JSON (Event). After a break, `Last-Event-ID` goes on without a gap. " +
        "Events without an id are about now and are not told again.",
      level: "read",
      querySchema: eventsQuery,
      requestHeaders: { "Last-Event-ID": "Go on after this event. Beats `after`." },
      answers: { 200: { description: "Events, without end.", content: { "text/event-stream": "text" } } },
      errors: ["STORE_UNKNOWN", "OVERLOADED", "UNAVAILABLE"],
    },
    async ({ request, query }) => {
      const store = storeOf(context, request, query.store);
      const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" };
      if (request.req.method === "HEAD") return { status: 200, headers, body: null };
      const body = await context.events.open({
        store,
        after: request.req.header("Last-Event-ID") ?? query.after,
        signal: request.req.raw.signal,
        onCut: () => closeConnection(request),
      });
      return { status: 200, headers, body };
    },
  );
  return [events];
}

/** The store that is meant, of those that the caller may see. */
function storeOf({ stores }: ServerContext, request: RequestContext, named: string | undefined): string {
  const own = request.get("principal").stores;
  const visible = own === undefined ? stores.names : stores.names.filter((name) => own.includes(name));
  if (named !== undefined) {
    if (visible.includes(named)) return named;
    throw publicError("STORE_UNKNOWN", `there is no store ${JSON.stringify(named)}`);
  }
  const [only, another] = visible;
  if (only === undefined) throw publicError("STORE_UNKNOWN", "there is no store here");
  if (another === undefined) return only;
  throw publicError("REQUEST_INVALID", "store is missing: there are several", { hint: `Name one of ${visible.join(", ")}.` });
}

interface NodeBindings {
  readonly outgoing?: { destroy(): void };
}

/** Who takes nothing would not notice an end that comes after what waits. */
function closeConnection(request: RequestContext): void {
  const { outgoing } = (request.env ?? {}) as NodeBindings;
  outgoing?.destroy();
}
