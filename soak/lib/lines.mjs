// @ts-check
/**
 * What every process of a soak writes down: JSON lines, one file a process and life. A process that is restarted after a kill has another life.
 * Times are microseconds on the kernel's monotonic clock, which all processes of a machine share.
 */
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ process: string, life: number, at: number }} Origin */

/**
 * One table, as a query of one answer saw it.
 *
 * @typedef {{ rows: number, sum: number, low: number, high: number }} Seen `low` and `high` are the smallest and the largest tag
 */

/** @typedef {"publish" | "rollback" | "adopt" | "foreign"} OperationKind */

/**
 * An operation begins. `tag` and the row counts are what its build writes; `allowed` are the results that are right for it, `ok`, `refused` or error codes.
 *
 * @typedef {Origin & { event: "invoke", id: string, kind: OperationKind, allowed: string[], tag?: number, orders?: number, items?: number }} Invoke
 */

/**
 * An operation ended and said so. Without this line it was killed and may have happened or not.
 *
 * @typedef {Origin & { event: "outcome", id: string, result: string, release?: string, version?: number, from?: string, message?: string }} Outcome
 * `from` is the release that an adoption took over
 */

/**
 * A request was answered.
 *
 * @typedef {Origin & { event: "answer", reader: string, begin: number, release: string, version: number, orders: Seen, items: Seen }} Answer
 */

/** @typedef {Origin & { event: "opened", reader: string, freshness: "strict" | "eventual", waitMs: number }} Opened */
/** @typedef {Origin & { event: "request-failed", reader: string, begin: number, code: string, message: string }} RequestFailed */
/** @typedef {Origin & { event: "degraded", reader: string, code: string, message: string }} Degraded */
/** @typedef {Origin & { event: "warning", reader: string, message: string }} Warning */
/** @typedef {Origin & { event: "memory", bytes: number }} Memory resident bytes */
/** @typedef {Origin & { event: "descriptors", before: number, after: number }} Descriptors open ones, both times at rest */
/** @typedef {Origin & { event: "killed" }} Killed SIGKILL was sent */
/** @typedef {Origin & { event: "stopped" }} Stopped SIGSTOP was sent */
/** @typedef {Origin & { event: "ended", code: number | null, signal: string | null }} Ended */

/**
 * @typedef {Invoke | Outcome | Answer | Opened | RequestFailed | Degraded | Warning | Memory | Descriptors | Killed | Stopped | Ended} Line
 */

/** Now, in microseconds on the kernel's monotonic clock. */
export function now() {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * A log of one life of a process. A line is one write, so that a kill leaves whole lines.
 *
 * @param {string} folder
 * @param {string} member
 * @param {number} life
 */
export function openLog(folder, member, life) {
  const descriptor = openSync(join(folder, `${member}.${life}.jsonl`), "a");
  /** @param {Record<string, unknown> & { event: Line["event"] }} line what is not given is this life, now */
  return (line) => {
    writeSync(descriptor, `${JSON.stringify({ process: member, life, at: now(), ...line })}\n`);
  };
}

/** @typedef {ReturnType<typeof openLog>} Log */

/**
 * Every whole line of every log in a folder, by time.
 *
 * @param {string} folder
 * @returns {Line[]}
 */
export function readLogs(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  const lines = names.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter(Boolean)
      .map((line) => /** @type {Line} */ (JSON.parse(line)));
  });
  return lines.toSorted((left, right) => left.at - right.at);
}
