import type { ServeLimits } from "../model/serve-config.ts";
import type { HttpBounds } from "../platform/http-server.ts";

/** Besides queue and query: a reader may wait for a release (5 s by default), and an answer takes its time to be written. Milliseconds. */
const answerSlackMs = 15_000;

/** However short queries are: a receiver that stands still for less may have met a bad moment of its network. Milliseconds. */
const stillTimeoutMinMs = 30_000;

/** Connections beside those of event streams. Each costs a descriptor and some 20 kB; services start with 1,024 descriptors or more. */
const connectionsBase = 700;

/** What strangers may take of the server at most, under its limits. */
export function httpBounds({ timeMs, queueWaitMs, eventStreams }: ServeLimits): HttpBounds {
  return {
    // Node's own default (nodejs.org/api/http.html): twice the longest address and room for a token and cookies.
    headBytesMax: 16_384,
    // A head fits into a few packets; Node's default of 60 s is a gift to whoever opens connections and sends a byte at a time.
    headTimeoutMs: 10_000,
    // Bodies are 64 kB by default: 30 s is a line of 17 kbit/s.
    requestTimeoutMs: 30_000,
    // Node's default of 30 s would make 40 s of the first bound.
    lookEveryMs: 2_000,
    // Longer than the 60 s for which nginx and the load balancers of clouds keep a connection: who closes first must be them, or a request meets a closed door.
    keepAliveTimeoutMs: 65_000,
    stillTimeoutMs: Math.max(stillTimeoutMinMs, queueWaitMs + timeMs + answerSlackMs),
    connectionsMax: connectionsBase + eventStreams,
    // As nginx has it (keepalive_requests): clients come back to a server that was restarted or added.
    requestsPerConnectionMax: 1_000,
  };
}
