import type { ServeSettings } from "../model/serve-config.ts";
import type { Workspace } from "../workspace/api.ts";
import type { Clock } from "../platform/port.ts";
import type { AlarmWatch } from "./alarms/watch.ts";
import type { AnswerTools } from "./answer.ts";
import type { Datasets } from "./datasets/datasets.ts";
import type { RefreshJobs } from "./datasets/jobs.ts";
import type { NamedQueries } from "./queries.ts";
import type { EventHub } from "./events/hub.ts";
import type { Catalogues } from "./tables/catalogue.ts";

/** Bounds of single answers. */
export interface AnswerLimits {
  /** Rows of one answer that is made whole. */
  readonly rowsMax: number;
  /** Bytes of one answer that is made whole. */
  readonly bytesMax: number;
  /** How long an answer that is more than one query may take. Milliseconds. */
  readonly timeMs: number;
  /** Bytes of a request's body. */
  readonly bodyBytesMax: number;
}

/** What routes answer with. */
export interface ServerContext extends AnswerTools {
  readonly workspace: Workspace;
  readonly clock: Clock;
  readonly catalogues: Catalogues;
  readonly datasets: Datasets;
  readonly queries: NamedQueries;
  readonly events: EventHub;
  readonly limits: AnswerLimits;
  readonly alarms: AlarmWatch;
  readonly jobs: RefreshJobs;
  readonly settings: Pick<ServeSettings, "unavailable">;
  /** The store that /api/data-freshness and /api/db-status speak of; `undefined` where there are several and none is named. */
  readonly defaultStore: string | undefined;
  /** Whether the server is about to end: it answers what it has begun, and nothing should be sent to it any more. */
  readonly draining: () => boolean;
  /** Calls `listener` once when that begins; what has no end of its own ends there. */
  readonly onDrain: (listener: () => void) => void;
}
