import { z } from "zod";
import { checkResultSchema } from "./check.ts";
import { publishPlanSchema, relSchema, switchPlanSchema } from "./plan.ts";

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
  detail: z.array(z.string()).describe("One sentence a reason for `warn` or `fail`."),
});

/** One store's state. */
export type StoreStatus = z.infer<typeof storeStatusSchema>;
