import { z } from "zod";

/** The watermark of a release as a whole: the name of one that a build reports without a name. */
export const wholeWatermark = "lastDataLoadDate";

/** Characters of a name, and of a value. A longer one is refused, for half of it would be another. */
export const watermarkTextMax = 200;

/** How far ahead of its release's creation a watermark is believed: calendar days begin up to 14 hours before UTC's. Milliseconds. */
export const watermarkAheadMs = 24 * 3_600_000;

/** How far the data of a release reaches, as its build reported it: one source or table of it, or (`lastDataLoadDate`) the whole. */
export const watermarkSchema = z.object({ name: z.string().min(1), value: z.string().min(1) });

/** How far the data of a release reaches. */
export type Watermark = z.infer<typeof watermarkSchema>;

const dateShape = z.iso.date();
const timeShape = z.iso.datetime({ offset: true });

/** A watermark that is a date, or a time with its zone. */
interface DatedWatermark extends Watermark {
  /** Milliseconds since the epoch; of a date, its beginning in UTC. */
  readonly timeMs: number;
  /** The date as it is, a time in RFC 3339 UTC. */
  readonly date: string;
}

/** Whether a value is a date (`2026-11-20`) or a time with its zone (`2026-11-20T03:00:00Z`), as RFC 3339 spells them. */
export function isDated(value: string): boolean {
  return dateShape.safeParse(value).success || timeShape.safeParse(value).success;
}

/**
 * The date that `freshness` tells of a release: that of the watermark of the whole, else the newest that a named one has. Values that are no dates never
 * count; those that lie more than `watermarkAheadMs` after the release's creation do not either, and are told in `passedOver`.
 */
export function lastDataLoadDate(release: {
  readonly createdAt: string;
  readonly watermarks?: readonly Watermark[] | undefined;
}): { readonly date: string | undefined; readonly passedOver: readonly Watermark[] } {
  const latestMs = Date.parse(release.createdAt) + watermarkAheadMs;
  const dated = (release.watermarks ?? []).flatMap(datedOf);
  const believed = dated.filter(({ timeMs }) => timeMs <= latestMs);
  const whole = dated.find(({ name }) => name === wholeWatermark);
  // A date of the whole that cannot be is not made up for by one of a part.
  const candidates = whole ? believed.filter(({ name }) => name === wholeWatermark) : believed;
  const newest = candidates.toSorted((left, right) => right.timeMs - left.timeMs)[0];
  return { date: newest?.date, passedOver: dated.filter(({ timeMs }) => timeMs > latestMs) };
}

function datedOf(watermark: Watermark): DatedWatermark[] {
  const { value } = watermark;
  if (!isDated(value)) return [];
  const timeMs = Date.parse(value);
  return [{ ...watermark, timeMs, date: dateShape.safeParse(value).success ? value : new Date(timeMs).toISOString() }];
}
