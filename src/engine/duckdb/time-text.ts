/** Microseconds, or nanoseconds, of a day and of its parts. */
const dayMicros = 86_400_000_000n;
const dayNanos = 86_400_000_000_000n;
const dayMs = 86_400_000;

/** Days after which the calendar repeats: 400 years. */
const cycleDays = 146_097;

/** What the engine writes for the ends of time. */
const infinityDays = 2 ** 31 - 1;
const infinity64 = 2n ** 63n - 1n;

/** Dates of the columns that were read last: columns of dates hold few different ones. */
const dates = new Map<number, string>();
const datesMax = 4096;

/** `2026-01-31` for days since 1970; years before 1 as the engine writes them, `0044-03-15 (BC)`; `infinity`, `-infinity`. */
export function dateText(days: number): string {
  const known = dates.get(days);
  if (known !== undefined) return known;
  if (Math.abs(days) === infinityDays) return days > 0 ? "infinity" : "-infinity";
  const text = calendarText(days);
  if (dates.size >= datesMax) dates.clear();
  dates.set(days, text);
  return text;
}

function calendarText(days: number): string {
  const cycles = Math.floor(days / cycleDays);
  const date = new Date((days - cycles * cycleDays) * dayMs);
  const year = date.getUTCFullYear() + cycles * 400;
  const monthAndDay = date.toISOString().slice(4, 10);
  // There is no year 0: the one before 1 is 1 BC.
  if (year <= 0) return `${String(1 - year).padStart(4, "0")}${monthAndDay} (BC)`;
  return `${String(year).padStart(4, "0")}${monthAndDay}`;
}

/** `03:04:05`, with as many digits of a second as there are, for microseconds of a day; `24:00:00` for its end. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  return fraction === 0 ? clockText(seconds) : `${clockText(seconds)}.${fractionText(fraction, 6)}`;
}

/** The same for nanoseconds. */
export function timeNsText(nanos: number): string {
  const seconds = Math.floor(nanos / 1_000_000_000);
  const fraction = nanos - seconds * 1_000_000_000;
  return fraction === 0 ? clockText(seconds) : `${clockText(seconds)}.${fractionText(fraction, 9)}`;
}

/** `2026-01-31 03:04:05.678` for a number of units since 1970, each of so many microseconds. */
export function timestampText(count: bigint, unitMicros = 1n): string {
  if (count === infinity64) return "infinity";
  if (count === -infinity64) return "-infinity";
  const { days, rest } = split(count * unitMicros, dayMicros);
  return `${dateText(days)} ${timeText(rest)}`;
}

/** The same for nanoseconds. */
export function timestampNsText(nanos: bigint): string {
  if (nanos === infinity64) return "infinity";
  if (nanos === -infinity64) return "-infinity";
  const { days, rest } = split(nanos, dayNanos);
  return `${dateText(days)} ${timeNsText(rest)}`;
}

/** RFC 3339 in UTC, `2026-01-31T03:04:05.678Z`, for microseconds since 1970; what has no such form as the engine writes it in UTC, `0044-03-15 (BC) 00:00:00+00`. */
export function instantText(micros: bigint): string {
  if (micros === infinity64) return "infinity";
  if (micros === -infinity64) return "-infinity";
  const { days, rest } = split(micros, dayMicros);
  const date = dateText(days);
  return date.length === 10 ? `${date}T${timeText(rest)}Z` : `${date} ${timeText(rest)}+00`;
}

function split(value: bigint, day: bigint): { readonly days: number; readonly rest: number } {
  let days = value / day;
  let rest = value % day;
  if (rest < 0n) {
    days -= 1n;
    rest += day;
  }
  return { days: Number(days), rest: Number(rest) };
}

function clockText(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${twoDigits(hours)}:${twoDigits(minutes)}:${twoDigits(seconds % 60)}`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

function fractionText(fraction: number, digits: number): string {
  return String(fraction).padStart(digits, "0").replace(/0+$/, "");
}
