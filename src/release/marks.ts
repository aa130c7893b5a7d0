import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { parseReleaseMark, type ReleaseMark } from "../model/release-mark.ts";
import { replaceFile } from "../platform/files.ts";
import { prepareFolders } from "./open.ts";
import { readRecord } from "./records.ts";
import type { OperationOptions, ReleaseStore } from "./store.ts";
import { namingErrors } from "./system-errors.ts";
import { underWriterLock } from "./writer-lock.ts";

/** A mark larger than this is not one of ours. Bytes. */
const markBytesMax = 64 * 1024;

/** Characters of a reason. */
const reasonMax = 2_000;

/** Why a release is to stay, and until when. */
export interface PinOptions extends OperationOptions {
  /** In the operator's words. */
  readonly reason: string;
  /** From then on the pin counts no more. Default: for ever. */
  readonly until?: Date | undefined;
}

/**
 * Pins a release for an operator: no prune removes it until the pin is taken away or has run out. A second pin replaces the first. Throws `RELEASE_UNKNOWN`,
 * `USAGE` for an empty or long reason or a time that has passed, `FEATURE_MISSING` for layout `slots`, which overwrites what was active before.
 */
export async function pinRelease(store: ReleaseStore, release: string, options: PinOptions): Promise<ReleaseMark> {
  return namingErrors(store, async () => {
    const mark = markOf(store, options);
    return underLock(store, { release, options }, async () => {
      await replaceFile(store.platform, {
        path: store.paths.mark(release),
        bytes: Buffer.from(`${JSON.stringify(mark, null, 2)}\n`),
        failpoint: "mark",
      });
      return mark;
    });
  });
}

/** Takes an operator's pin away; returns it, or `undefined` where there was none. Throws `RELEASE_UNKNOWN`. */
export async function unpinRelease(
  store: ReleaseStore,
  release: string,
  options: OperationOptions = {},
): Promise<ReleaseMark | undefined> {
  return namingErrors(store, () =>
    underLock(store, { release, options }, async () => {
      const mark = readMark(store, release);
      if (mark === undefined) return undefined;
      await store.platform.files.removeFile(store.paths.mark(release));
      await store.platform.files.syncFolder(store.paths.pins);
      return mark;
    }),
  );
}

/** An operator's pin on a release. One that cannot be read counts as a pin for ever: what somebody wanted kept is not removed for a damaged file. */
export function readMark(store: ReleaseStore, release: string): ReleaseMark | undefined {
  const { files } = store.platform;
  // Most releases have none, and opening what is missing throws each time.
  if (files.statNow(store.paths.mark(release)) === undefined) return undefined;
  const read = files.readNow(store.paths.mark(release), markBytesMax);
  if (read === undefined) return undefined;
  return (
    parseReleaseMark(read.bytes?.toString("utf8") ?? "") ?? { reason: `${store.paths.mark(release)} cannot be read`, since: "" }
  );
}

/** Whether a pin counts at this moment. */
export function isInForce(store: ReleaseStore, mark: ReleaseMark): boolean {
  return mark.until === undefined || Date.parse(mark.until) > store.platform.clock.now().getTime();
}

/** Under the writer lock: a prune that has judged already would not see it. */
async function underLock<T>(
  store: ReleaseStore,
  { release, options }: { readonly release: string; readonly options: OperationOptions },
  action: () => Promise<T>,
): Promise<T> {
  if (store.layout === "slots") {
    throw new LockkeeperError(
      "FEATURE_MISSING",
      `${store.name} has layout "slots": two publishes later its file holds another release`,
      { hint: 'Use layout "releases" to keep a release.', subject: store.name },
    );
  }
  assertKept(store, release);
  await prepareFolders(store);
  return underWriterLock(store, { ...options, purpose: "pin" }, async () => {
    assertKept(store, release);
    return action();
  });
}

function assertKept(store: ReleaseStore, release: string): void {
  if (readRecord(store, release)) return;
  throw new LockkeeperError("RELEASE_UNKNOWN", `${store.name} does not keep ${release}`, {
    hint: `\`lockkeeper releases list ${store.name}\` shows what is kept.`,
    subject: release,
  });
}

function markOf(store: ReleaseStore, { reason, until }: PinOptions): ReleaseMark {
  const text = reason.trim();
  if (text === "" || text.length > reasonMax) {
    throw new LockkeeperError("USAGE", `the reason of a pin has ${text.length} characters; it needs 1 to ${reasonMax}`, {
      hint: "Say why the release must stay, for whoever finds the disk full.",
      subject: "reason",
    });
  }
  const now = store.platform.clock.now();
  if (until !== undefined && !(until.getTime() > now.getTime())) {
    const shown = Number.isNaN(until.getTime()) ? "no date" : until.toISOString();
    throw new LockkeeperError("USAGE", `a pin until ${shown} would have run out already`, {
      hint: "Give a time in the future, or none.",
      subject: "until",
    });
  }
  return { reason: text, since: now.toISOString(), ...(until && { until: until.toISOString() }) };
}
