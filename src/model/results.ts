import { z } from "zod";
import { checkResultSchema } from "./check.ts";
import { publishPlanSchema, relSchema, switchPlanSchema } from "./plan.ts";
import { releaseMarkSchema } from "./release-mark.ts";
import { releaseRecordSchema } from "./release-record.ts";

const tableCount = z.object({ schema: z.string(), name: z.string(), rows: z.int().min(0).optional() });

/** What a publish came to. `refused` and `planned` changed nothing that readers see. */
export const publishResultSchema = z.object({
  store: z.string(),
  outcome: z.enum(["switched", "refused", "planned"]),
  build: z.string().optional().describe("The build's random id; a refused build lies in quarantine under it."),
  release: z.string().optional(),
  version: z.int().min(0).optional(),
  previous: relSchema.optional(),
  checks: z.array(checkResultSchema),
  tables: z.array(tableCount),
  switchMs: z.number().min(0).optional().describe("From taking the writer lock to the acknowledged manifest."),
  quarantine: z.string().optional().describe("Folder of a refused build, with its report."),
  plan: publishPlanSchema.optional(),
});

/** What a publish came to. */
export type PublishResult = z.infer<typeof publishResultSchema>;

/** What a rollback, an adoption or `init --from` came to. */
export const switchResultSchema = z.object({
  store: z.string(),
  outcome: z.enum(["switched", "planned"]),
  release: z.string(),
  version: z.int().min(0),
  previous: relSchema.optional(),
  reason: z.enum(["publish", "rollback", "adopt"]),
  plan: switchPlanSchema.optional(),
});

/** What a rollback, an adoption or `init --from` came to. */
export type SwitchResult = z.infer<typeof switchResultSchema>;

/** What `check` found on a release. */
export const checksResultSchema = z.object({ store: z.string(), release: z.string(), checks: z.array(checkResultSchema) });

/** What `check` found on a release. */
export type ChecksResult = z.infer<typeof checksResultSchema>;

/** A detached build that was begun or renewed; paths are absolute. */
export const buildResultSchema = z.object({
  build: z.string().describe("Its random id, which commit, renew and abort take."),
  store: z.string(),
  path: z.string().describe("The DuckDB file to write; a scratch file where the release has none."),
  dir: z.string().describe("The build's private folder."),
  base: relSchema.optional().describe("What was active when it began."),
  startedAt: z.string(),
  leaseMs: z.int().min(0).describe("How long the lease lasts without a sign of life."),
  expiresAt: z.string().describe("For people: when the lease would run out by the clock of now."),
  environment: z.record(z.string(), z.string()).describe("The variables that a build command is given."),
});

/** A detached build that was begun or renewed. */
export type BuildResult = z.infer<typeof buildResultSchema>;

/** One build that is not a release yet. */
export const buildSummarySchema = z.object({
  build: z.string(),
  store: z.string(),
  state: z
    .enum(["open", "expired", "busy", "damaged", "attached", "left", "aborted"])
    .describe(
      "Of a detached build `open`, `expired` (it may still be committed while its folder is there), `busy` (a commit or an abort has it), `damaged` (its lease cannot be read), `aborted` (now). `attached`: of a `publish` under way; `left`: of one that died.",
    ),
  startedAt: z.string(),
  expiresAt: z.string().optional().describe("For people; of an open lease when it would run out by the clock of now."),
  base: relSchema.optional().describe("What was active when it began."),
  owner: z
    .object({ pid: z.int(), host: z.string(), command: z.string(), label: z.string().optional() })
    .optional()
    .describe("Who began it; the process has ended since."),
  bytes: z.int().min(0).describe("Of the file that it writes, so far."),
  detail: z.string().optional().describe("What is wrong with its lease."),
});

/** One build that is not a release yet. */
export type BuildSummary = z.infer<typeof buildSummarySchema>;

/** Builds of some stores, or the one that was aborted. */
export const buildsResultSchema = z.object({ builds: z.array(buildSummarySchema) });

/** Builds of some stores. */
export type BuildsResult = z.infer<typeof buildsResultSchema>;

const releaseState = z
  .enum(["active", "kept", "never-active", "quarantined"])
  .describe(
    "`never-active`: a crash came between its installation and its switch. `quarantined`: a build that was not switched to.",
  );

/** One release in a list. */
export const releaseSummarySchema = z.object({
  release: z.string().describe("A release id; of what is in quarantine, the build's id."),
  version: z.int().min(0).optional().describe("The last version it was active under."),
  state: releaseState,
  createdAt: z.string().optional().describe("RFC 3339 UTC; absent where its record or report cannot be read."),
  bytes: z.int().min(0),
  pinned: z.boolean().describe("Whether an operator's pin keeps it."),
  readers: z
    .int()
    .min(0)
    .optional()
    .describe("Processes that pin it for reading. Absent where the system does not tell, and where there is no pin to hold."),
});

/** One release in a list. */
export type ReleaseSummary = z.infer<typeof releaseSummarySchema>;

/** Every release of a store, newest first, then what is in quarantine. */
export const releasesResultSchema = z.object({ store: z.string(), releases: z.array(releaseSummarySchema) });

/** Every release of a store. */
export type ReleasesResult = z.infer<typeof releasesResultSchema>;

/** A release's record, with what became of it. */
export const releaseResultSchema = releaseRecordSchema.omit({ formatVersion: true }).extend({
  version: z.int().min(0).optional().describe("The last version it was active under."),
  state: releaseState,
  pins: z.array(releaseMarkSchema),
});

/** A release's record, with what became of it. */
export type ReleaseResult = z.infer<typeof releaseResultSchema>;

const judged = z.object({ release: z.string(), reason: z.string() });

/** What a prune removed and kept. */
export const pruneResultSchema = z.object({
  store: z.string(),
  outcome: z.enum(["pruned", "planned"]),
  removed: z.array(judged.extend({ bytes: z.int().min(0) })),
  kept: z.array(judged),
});

/** What a prune removed and kept. */
export type PruneResult = z.infer<typeof pruneResultSchema>;

/** Where the active release's files lie; paths are absolute. */
export const pathResultSchema = z.object({
  store: z.string(),
  release: z.string(),
  version: z.int().min(0),
  files: z.array(z.string()),
});

/** Where the active release's files lie. */
export type PathResult = z.infer<typeof pathResultSchema>;

const holder = z.object({
  pid: z.int().optional().describe("Absent where a program that leaves no note holds the lock."),
  command: z.string().optional(),
  host: z.string().optional(),
  since: z.string().optional(),
});

/** One store's state, cheap to get: reads the manifest and a lock note, opens no database. */
export const storeStatusSchema = z.object({
  store: z.string(),
  kind: z.string(),
  status: z.enum(["pass", "warn", "fail"]),
  release: z.string().optional(),
  version: z.int().min(0).optional(),
  lastUpdated: z.string().optional(),
  active: z.string().optional(),
  previous: relSchema.optional(),
  lock: holder.extend({ lock: z.enum(["writer", "build"]), held: z.boolean(), purpose: z.string().optional() }).optional(),
  builds: z
    .array(z.object({ build: z.string(), state: z.string(), expiresAt: z.string().optional() }))
    .optional()
    .describe("Detached builds, as `build list` tells them; absent where there is none."),
  detail: z.array(z.string()).describe("One sentence a reason for `warn` or `fail`."),
});

/** One store's state. */
export type StoreStatus = z.infer<typeof storeStatusSchema>;

/** How old a store's active release is. */
export const storeFreshnessSchema = z.object({
  store: z.string(),
  status: z.enum(["pass", "warn", "fail"]).describe("`fail`: late, or its age cannot be told; exit 3 of `freshness`."),
  release: z.string().optional(),
  version: z.int().min(0).optional(),
  lastUpdated: z
    .string()
    .optional()
    .describe("When the switch happened. Absent, as are release and version, where there is no release."),
  ageMs: z.int().optional().describe("Milliseconds since `lastUpdated`; negative where that lies in the future."),
  maxAgeMs: z.int().min(0).optional().describe("What was asked for, in milliseconds."),
  lastDataLoadDate: z
    .string()
    .optional()
    .describe("How far the release's data reaches, as its build reported it: a date, or an RFC 3339 UTC time."),
  detail: z.array(z.string()).describe("One sentence a reason for `warn` or `fail`."),
});

/** How old a store's active release is. */
export type StoreFreshness = z.infer<typeof storeFreshnessSchema>;

/** How far a webhook has got. */
export const webhookStatusSchema = z.object({
  store: z.string(),
  webhook: z
    .string()
    .optional()
    .describe("Names its state file. Absent, as what follows from it, where the webhook cannot be used here."),
  origin: z.string().optional().describe("Scheme, host and port of its address; the rest may be a secret."),
  status: z
    .enum(["pass", "warn", "fail"])
    .describe("`fail`: it cannot be used, or its last try failed; `warn`: events were given up."),
  events: z.array(z.string()),
  after: z.string().optional().describe("Id of the last event that is done with; absent before the first publish."),
  pending: z.int().min(0).describe("Events that are still to be sent."),
  detail: z.array(z.string()).describe("One sentence a reason."),
});

/** How far a webhook has got. */
export type WebhookStatus = z.infer<typeof webhookStatusSchema>;

const processes = z
  .array(z.object({ pid: z.int(), command: z.string().optional() }))
  .describe("Processes that hold it, as far as this user may see them. Empty where the system does not tell.");

/** Locks of release stores and who holds them. */
export const locksResultSchema = z.object({
  locks: z.array(
    holder.extend({
      store: z.string(),
      lock: z.enum(["writer", "build", "folder"]),
      build: z.string().optional().describe("Of a folder lock: the build whose folder it keeps."),
      lease: z
        .object({ state: z.enum(["open", "expired", "damaged"]), expiresAt: z.string().optional() })
        .optional()
        .describe("Of a detached build's folder, as `build list` tells it. The lease keeps the folder while its lock is free."),
      held: z
        .boolean()
        .nullable()
        .describe("null where the system does not list locks; what else is told is then the lock's note."),
      purpose: z.string().optional(),
      lastHolderDied: z.boolean().optional().describe("True for a free lock whose last holder, named here, never gave it up."),
      processes,
    }),
  ),
  pins: z.array(
    z.object({
      store: z.string(),
      release: z.string(),
      readers: z
        .int()
        .min(0)
        .nullable()
        .describe(
          "Processes that read the release; a lock whose process cannot be seen counts as one. null where the system does not tell.",
        ),
      processes,
    }),
  ),
});

/** Locks of release stores and who holds them. */
export type LocksResult = z.infer<typeof locksResultSchema>;
