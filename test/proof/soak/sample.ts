import type { HistoryLine, Line } from "../../../soak/checker/facts.mjs";
import { sumOf } from "../../../soak/lib/data.mjs";

/** A history that may be tampered with. */
export interface Written {
  lines: Line[];
  history: HistoryLine[];
}

type Fields = Record<string, unknown>;

const contentOf = (tag: number) => ({ tag, orders: 100 + tag, items: 50 });

/**
 * What a soak without a fault may write: two publishes; a refused, a failed and a locked-out build; a publish that was killed after its switch and one before; a
 * rollback; a foreign switch that stops a publish and is adopted; a strict reader and one that lags.
 */
export function faultless(): Written {
  let at = 0;
  const lines: Line[] = [];
  const write = (line: Fields) => lines.push({ process: "publisher", life: 0, at: (at += 1000), ...line } as unknown as Line);
  const invoke = (id: string, more: Fields) => write({ event: "invoke", id, kind: "publish", allowed: ["ok"], ...more });
  const outcome = (id: string, result: string, more: Fields = {}) => write({ event: "outcome", id, result, ...more });
  const ok = (id: string, release: string, more: Fields) => outcome(id, "ok", { release, ...more });
  const answer = (reader: string, release: string, of: { readonly version: number; readonly tag: number }) => {
    const { tag, version } = of;
    const { orders, items } = contentOf(tag);
    const seen = (rows: number) => ({ rows, sum: sumOf(tag, rows), low: tag, high: tag });
    const begin = (at += 1000);
    write({ process: "busy", event: "answer", reader, begin, release, version, orders: seen(orders), items: seen(items) });
  };

  for (const [reader, freshness] of Object.entries({ strict: "strict", lagging: "eventual" }))
    write({ process: "busy", event: "opened", reader, freshness, waitMs: 5000 });
  invoke("p.1", contentOf(1));
  ok("p.1", "r000001", { version: 1 });
  answer("strict", "r000001", { version: 1, tag: 1 });
  invoke("p.2", contentOf(2));
  ok("p.2", "r000002", { version: 2 });
  answer("strict", "r000002", { version: 2, tag: 2 });
  answer("lagging", "r000001", { version: 1, tag: 1 });
  invoke("p.3", { ...contentOf(3), allowed: ["refused"] });
  outcome("p.3", "refused");
  invoke("p.4", { ...contentOf(4), allowed: ["BUILD_FAILED"] });
  outcome("p.4", "BUILD_FAILED", { message: "the build command exited with code 3" });
  invoke("v.1", { process: "visitor", life: 1, ...contentOf(11), allowed: ["ok", "BUILD_LOCKED"] });
  outcome("v.1", "BUILD_LOCKED", { message: "the build lock is held" });
  invoke("p.5", contentOf(5));
  write({ event: "killed" });
  write({ event: "ended", code: null, signal: "SIGKILL" });
  answer("strict", "r000003", { version: 3, tag: 5 });
  invoke("q.1", { life: 1, ...contentOf(6) });
  write({ life: 1, event: "killed" });
  invoke("v.2", { process: "visitor", life: 2, kind: "rollback", allowed: ["ok", "RELEASE_UNKNOWN"] });
  ok("v.2", "r000002", { version: 4 });
  answer("strict", "r000002", { version: 4, tag: 2 });
  answer("lagging", "r000003", { version: 3, tag: 5 });
  invoke("v.3", { process: "visitor", life: 3, kind: "foreign", ...contentOf(12) });
  ok("v.3", "v5-b", { version: 5 });
  answer("strict", "v5-b", { version: 5, tag: 12 });
  invoke("s.1", { life: 2, ...contentOf(7) });
  outcome("s.1", "FOREIGN_MANIFEST", { message: "another program wrote the manifest" });
  invoke("s.2", { life: 2, kind: "adopt" });
  ok("s.2", "r000004", { version: 6, from: "v5-b" });
  answer("strict", "r000004", { version: 6, tag: 12 });
  write({ process: "busy", event: "descriptors", before: 26, after: 27 });
  write({ process: "busy", event: "ended", code: 0, signal: null });

  const switched = (release: string, version: number, reason: string) => ({ type: "release.switched", release, version, reason });
  const history = [
    switched("r000001", 1, "publish"),
    switched("r000002", 2, "publish"),
    { type: "release.refused" },
    { type: "build.failed" },
    switched("r000003", 3, "publish"),
    switched("r000002", 4, "rollback"),
    switched("r000004", 6, "adopt"),
  ].map((line, index) => ({ id: index + 1, ...line }));
  return { lines, history };
}

/** The n-th line of a kind, from 0, to tamper with. */
export function lineOf<Event extends Line["event"]>(
  written: Written,
  event: Event,
  index: number,
): Extract<Line, { event: Event }> {
  const line = written.lines.filter((candidate) => candidate.event === event)[index];
  if (line === undefined) throw new Error(`the sample has no ${event} ${index}`);
  return line as Extract<Line, { event: Event }>;
}

/** What became of an operation, to tamper with. */
export function outcomeOf(written: Written, id: string): Extract<Line, { event: "outcome" }> {
  const line = written.lines.find((candidate) => candidate.event === "outcome" && candidate.id === id);
  if (line === undefined) throw new Error(`the sample has no outcome of ${id}`);
  return line as Extract<Line, { event: "outcome" }>;
}
