import type { Health } from "../model/http.ts";
import type { Reader } from "../reader/reader.ts";
import { lookEveryMs } from "./alarms/watch.ts";
import type { ServerContext } from "./context.ts";

type Check = Health["checks"][string][number];

/** So many looks of the watch may be missing: an alarm system that stands still must not look like silence. */
const looksMissingMax = 30;

/** The health of some stores, and of what they are served with. */
export function healthOf(context: ServerContext, stores: readonly string[], version: string): Health {
  const checks: Health["checks"] = {
    "store:reader": stores.map((store) => readerCheck(context, store)),
    "store:versions": withReader(context, stores, versionsCheck),
    "store:age": withReader(context, stores, (store, reader) => ageCheck(context, store, reader)),
    "store:generations": withReader(context, stores, generationsCheck),
    "store:alarms": stores.flatMap((store) => alarmChecks(context, store)),
    "alarms:watch": [watchCheck(context)],
    ...loadChecks(context),
  };
  const statuses = new Set(Object.values(checks).flatMap((those) => those.map(({ status }) => status)));
  const status = (["fail", "warn"] as const).find((bad) => statuses.has(bad)) ?? "pass";
  return { status, releaseId: version, checks };
}

function withReader(
  { stores: served }: ServerContext,
  stores: readonly string[],
  check: (store: string, reader: Reader) => Check,
): Check[] {
  return stores.flatMap((store) => {
    const reader = served.peek(store);
    return reader ? [check(store, reader)] : [];
  });
}

function readerCheck({ stores }: ServerContext, store: string): Check {
  const reader = stores.peek(store);
  if (!reader) {
    const code = stores.failure(store)?.code;
    return code === undefined
      ? { componentId: store, status: "warn", output: "not opened yet" }
      : { componentId: store, status: "fail", observedValue: code, output: "no reader could be opened; nothing serves" };
  }
  const { mode, failures, lastManifestError } = reader.status();
  // Whether that is for too long is said by an alarm.
  return {
    componentId: store,
    status: "pass",
    observedValue: { mode, failures, ...(lastManifestError && { code: lastManifestError.code }) },
  };
}

function versionsCheck(store: string, reader: Reader): Check {
  const { ok, release, servingVersion, publishedVersion } = reader.status();
  return { componentId: store, status: "pass", observedValue: { release, servingVersion, publishedVersion, same: ok } };
}

function ageCheck({ clock }: ServerContext, store: string, reader: Reader): Check {
  const { lastUpdated } = reader.status();
  const updatedMs = Date.parse(lastUpdated ?? "");
  if (lastUpdated === null || Number.isNaN(updatedMs)) return { componentId: store, status: "pass", output: "not known" };
  const ageMs = clock.now().getTime() - updatedMs;
  return { componentId: store, status: "pass", observedValue: ageMs, observedUnit: "ms", time: lastUpdated };
}

function generationsCheck(store: string, reader: Reader): Check {
  const generations = reader.status().generations.map(({ id, state, release, version, inFlightRequests, drainingSince }) => ({
    id,
    state,
    release,
    version,
    inFlightRequests,
    drainingSince,
  }));
  return { componentId: store, status: "pass", observedValue: generations };
}

function alarmChecks({ alarms }: ServerContext, store: string): Check[] {
  const raised = alarms.raised(store);
  if (raised.length === 0) return [{ componentId: store, status: "pass" }];
  return raised.map(({ alarm, level, since, detail }) => ({
    componentId: store,
    status: level,
    observedValue: alarm,
    time: since,
    output: detail,
  }));
}

function watchCheck({ alarms }: ServerContext): Check {
  const agoMs = alarms.lookedAgoMs;
  if (agoMs === undefined) return { status: "warn", output: "has not looked yet" };
  const late = agoMs > looksMissingMax * lookEveryMs;
  return {
    status: late ? "fail" : "pass",
    observedValue: Math.round(agoMs),
    observedUnit: "ms",
    ...(late && { output: "the watch stands still: alarms are not raised" }),
  };
}

function loadChecks({ cache, gate, streamGate }: ServerContext): Health["checks"] {
  return {
    "cache:size": [{ status: "pass", observedValue: { ...cache.size, ...cache.counts } }],
    "gate:load": [
      { componentId: "answers", status: "pass", observedValue: gate.load },
      { componentId: "streams", status: "pass", observedValue: streamGate.load },
    ],
  };
}
