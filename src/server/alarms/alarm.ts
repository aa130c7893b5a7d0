import { formatElapsed } from "../../model/units.ts";

/** Everything that an alarm can be about; docs/monitoring.md says what to do about each. */
export const alarmNames = ["behind", "failing", "draining", "late"] as const;

/** One of `alarmNames`. */
export type AlarmName = (typeof alarmNames)[number];

/** How bad it is: `warn` wants a look, `fail` means that what is answered is not what should be. */
export type AlarmLevel = "warn" | "fail";

/** What one look found wrong. */
export interface Trouble {
  readonly level: AlarmLevel;
  /** A sentence without paths: callers read it. */
  readonly detail: string;
  /** Since when it has been so, where that is known better than by the look. */
  readonly since?: Date | undefined;
}

/** Something that is wrong with a store. */
export interface Alarm {
  readonly store: string;
  readonly alarm: AlarmName;
  readonly level: AlarmLevel;
  /** RFC 3339 UTC. */
  readonly since: string;
  /** A sentence without paths. */
  readonly detail: string;
}

/** What followers of a store are told when an alarm is raised, changes its level, or is cleared. */
export interface AlarmEvent extends Omit<Alarm, "store"> {
  readonly type: "store.stale" | "store.recovered";
  /** RFC 3339 UTC. */
  readonly time: string;
}

/** Takes events of a store. */
export type Tell = (store: string, event: AlarmEvent) => void;

/** How long ago something was, for a detail; a clock that went back gives none. */
export function elapsedSince(since: Date, now: Date): string {
  return formatElapsed(Math.max(now.getTime() - since.getTime(), 0));
}
