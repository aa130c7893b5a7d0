import type { Answered } from "../app.ts";
import { Histogram } from "./histogram.ts";
import type { Samples } from "./samples.ts";

/** From 1 ms to 30 s, about three a decade. Seconds. */
const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Methods that are told by name: a client could send any. */
const toldMethods = new Set(["GET", "HEAD", "POST"]);

interface RouteFigures {
  readonly byStatus: Map<number, number>;
  readonly duration: Histogram;
}

/** Counts requests, always: what nobody scrapes yet is not lost for who scrapes later. */
export class RequestFigures {
  readonly #routes = new Map<string, Map<string, RouteFigures>>();
  #inFlight = 0;
  #notModified = 0;

  /** A request begins. */
  arrived(): void {
    this.#inFlight += 1;
  }

  /** Its answer begins. */
  answered({ route, method, status, durationMs }: Pick<Answered, "route" | "method" | "status" | "durationMs">): void {
    this.#inFlight -= 1;
    // Only answers from data are told so.
    if (status === 304) this.#notModified += 1;
    const { byStatus, duration } = this.#figures(route, toldMethods.has(method) ? method : "other");
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    duration.observe(durationMs / 1_000);
  }

  /** Answers that sent no body, for the caller had it. */
  get notModified(): number {
    return this.#notModified;
  }

  /** Tells what was counted. */
  tell(samples: Samples): void {
    samples.add("lockkeeper_http_requests_in_flight", {}, this.#inFlight);
    for (const [route, methods] of this.#routes) {
      for (const [method, { byStatus, duration }] of methods) {
        for (const [status, count] of byStatus)
          samples.add("lockkeeper_http_requests_total", { route, method, status: String(status) }, count);
        samples.addHistogram("lockkeeper_http_request_duration_seconds", { route, method }, duration);
      }
    }
  }

  #figures(route: string, method: string): RouteFigures {
    let methods = this.#routes.get(route);
    if (!methods) {
      methods = new Map<string, RouteFigures>();
      this.#routes.set(route, methods);
    }
    let figures = methods.get(method);
    if (!figures) methods.set(method, (figures = { byStatus: new Map(), duration: new Histogram(durationBounds) }));
    return figures;
  }
}
