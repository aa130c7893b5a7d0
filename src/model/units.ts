const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration as configuration and options spell it: a number and one of `ms`, `s`, `m`, `h`, `d`; `250ms`, `1.5s`, `2h`. */
const durationPattern = /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)$/;

/** Milliseconds of `30s`, `250ms`, `2h`; `undefined` for anything else, a bare number included: `30` could mean either. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  if (!match) return undefined;
  const ms = Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest spelling that `parseDuration` reads back as the same whole number of milliseconds: 90000 is `90s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const unit = (["d", "h", "m", "s"] as const).find((name) => ms % unitMs[name] === 0) ?? "ms";
  return `${ms / unitMs[unit]}${unit}`;
}

const unitBytes = {
  B: 1n,
  kB: 1_000n,
  KB: 1_000n,
  MB: 1_000_000n,
  GB: 1_000_000_000n,
  KiB: 1_024n,
  MiB: 1_048_576n,
  GiB: 1_073_741_824n,
} as const;

/** A size as configuration spells it: a number and a unit, of 1000 (`kB`, `KB`, `MB`, `GB`) or of 1024 (`KiB`, `MiB`, `GiB`), or `B`. */
const bytesPattern = /^(\d{1,16})(?:\.(\d{1,6}))?(B|[kK]B|[MG]B|[KMG]iB)$/;

/** Bytes of `64MB`, `1.5KiB`, `512B`; `undefined` for anything else: a bare number, and what is no whole number of bytes. */
export function parseBytes(text: string): number | undefined {
  const match = bytesPattern.exec(text);
  if (!match) return undefined;
  const [, whole = "", part = "", unit] = match;
  const product = BigInt(whole + part) * unitBytes[unit as keyof typeof unitBytes];
  const divisor = 10n ** BigInt(part.length);
  const bytes = Number(product / divisor);
  return product % divisor === 0n && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A spelling in powers of 1000 that `parseBytes` reads back as the same number: 64000000 is `64MB`. */
export function formatSize(bytes: number): string {
  const unit = (["GB", "MB", "kB"] as const).find((name) => bytes > 0 && bytes % Number(unitBytes[name]) === 0) ?? "B";
  return `${bytes / Number(unitBytes[unit])}${unit}`;
}

/** How long something took, for people: `40 ms`, `3.2 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatElapsed(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${twoDigits(Math.floor((seconds % 3_600) / 60))} min`;
}

/** A size for people, in powers of 1000 as disks are sold: `512 B`, `15.3 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let index = 0;
  while (value >= 999.5 && index < units.length - 1) {
    value /= 1_000;
    index += 1;
  }
  return `${index === 0 ? value : value.toFixed(value < 9.95 ? 2 : 1)} ${units[index]}`;
}

/** `1 row`, `2,345 rows`. */
export function counted(count: number | bigint, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
