import { z } from "zod";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { buildIdPattern, isBasename } from "./names.ts";
import { relSchema } from "./plan.ts";
import { formatVersion } from "./version.ts";

/** How long a detached build's lease lasts where nothing else is said. */
export const leaseMsDefault = 24 * 3_600_000;

/** The shortest lease: shorter than a command takes to start, it would have run out before anybody writes. */
export const leaseMsMin = 1_000;

/** The longest lease: a build that nobody touches for a year is left over. */
export const leaseMsMax = 366 * 24 * 3_600_000;

const moment = z.object({
  at: z.iso.datetime().describe("Wall time, for people; decides nothing."),
  bootId: z.string().describe("The boot of the machine; a lease from another one has expired."),
  uptimeMs: z.number().min(0).describe("Of that boot, in milliseconds."),
});

/** What of a file tells that somebody has written to it. */
const seenFile = z.object({ device: z.string(), inode: z.string(), bytes: z.int().min(0) });

/** A detached build's lease: `.lockkeeper/builds/<build>/lease.json`. */
export const leaseSchema = z.object({
  formatVersion: z.int().min(1),
  build: z.string().regex(buildIdPattern).describe("The build's id, the name of its folder."),
  store: z.string(),
  basename: z.string().refine(isBasename).describe("Stem of the file to write."),
  owner: z.object({
    pid: z.int().describe("The process that began the build; it has ended since."),
    host: z.string(),
    command: z.string(),
    label: z.string().optional().describe("In the orchestrator's words."),
  }),
  started: moment,
  base: relSchema
    .extend({
      identity: z.string().describe("Of the manifest."),
      copied: z.boolean().describe("Whether the build began with a copy of it; then it must still be active at the commit."),
    })
    .optional()
    .describe("What was active when the build began."),
  leaseMs: z.int().min(leaseMsMin).max(leaseMsMax).describe("How long the lease lasts from `renewed` on."),
  renewed: moment.extend({ messages: seenFile.optional().describe("What was seen of the messages file then.") }),
  expiresAt: z.iso.datetime().describe("For people; decides nothing."),
});

/** A detached build's lease. */
export type Lease = z.infer<typeof leaseSchema>;

/** What was seen of a file. */
export type SeenFile = z.infer<typeof seenFile>;

/** This machine at one moment, and the messages file then. */
export interface LeaseMoment {
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly messages: SeenFile | undefined;
}

/** What a lease says at one moment. */
export interface LeaseVerdict {
  readonly state: "open" | "expired";
  /** Whether the messages file has changed since the lease was written: whoever may write the lease renews it. */
  readonly active: boolean;
  /** Milliseconds; 0 for one that has expired. */
  readonly remainingMs: number;
}

/**
 * Whether a lease has expired. Boot and uptime alone decide, so that no change of a clock does; one from another boot has expired, for what built there is dead.
 */
export function judgeLease({ leaseMs, renewed }: Lease, now: LeaseMoment): LeaseVerdict {
  // Where the platform names no boot, an uptime that went back tells of another one.
  const sameBoot = renewed.bootId === now.bootId && now.uptimeMs >= renewed.uptimeMs;
  if (!sameBoot) return { state: "expired", active: false, remainingMs: 0 };
  if (now.messages && !isSame(now.messages, renewed.messages)) return { state: "open", active: true, remainingMs: leaseMs };
  const remainingMs = Math.max(0, leaseMs - (now.uptimeMs - renewed.uptimeMs));
  return { state: remainingMs > 0 ? "open" : "expired", active: false, remainingMs };
}

function isSame(left: SeenFile, right: SeenFile | undefined): boolean {
  return left.device === right?.device && left.inode === right.inode && left.bytes === right.bytes;
}

/** The bytes of a lease. */
export function renderLease(lease: Omit<Lease, "formatVersion">): Buffer {
  return Buffer.from(`${JSON.stringify({ formatVersion, ...lease }, null, 2)}\n`);
}

/** Reads a lease's bytes. Throws `LEASE_INVALID`, also for the lease of another build, or `FORMAT_UNSUPPORTED`; `path` is for the message. */
export function parseLease(bytes: Buffer, { build, path }: { readonly build: string; readonly path: string }): Lease {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw leaseInvalid({ build, path }, "is not JSON");
  }
  const version = (value as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === "number" && version > formatVersion) {
    throw new LockkeeperError("FORMAT_UNSUPPORTED", `${path} has formatVersion ${version}; this version knows ${formatVersion}`, {
      hint: "Commit or abort it with the version that began it.",
      subject: path,
    });
  }
  const parsed = leaseSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw leaseInvalid({ build, path }, `is no lease: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is malformed"}`);
  }
  if (parsed.data.build !== build) throw leaseInvalid({ build, path }, `is the lease of build ${parsed.data.build}`);
  return parsed.data;
}

/** The error for a lease that cannot be used; `what` completes the sentence. */
export function leaseInvalid({ build, path }: { readonly build: string; readonly path: string }, what: string): LockkeeperError {
  return new LockkeeperError("LEASE_INVALID", `${path} ${what}`, {
    hint: `Nothing was changed. Restore the file, or \`lockkeeper build abort ${build}\` and build again.`,
    subject: path,
  });
}
