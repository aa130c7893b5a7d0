import { z } from "zod";

/** What extensions are called; an engine's own rule. */
export const extensionNamePattern = /^[a-z0-9_]{1,64}$/;

/** A folder that a store's builds and readers need. */
const folderSchema = z.object({
  path: z.string(),
  created: z.boolean().describe("With `dryRun`: whether it would be."),
  mode: z
    .string()
    .optional()
    .describe("Permission bits in octal, for example `0755`; absent where it is not there, and on Windows."),
});

/** An extension of the engine, as it was found. */
export const extensionSchema = z.object({
  name: z.string(),
  status: z
    .enum(["loaded", "missing", "failed"])
    .describe("`missing`: not installed, and `dryRun` installs nothing. `failed`: it could not be had; exit 3."),
  version: z.string().optional(),
  detail: z.string().optional().describe("Why it is not loaded, in the engine's words."),
});

/** An extension of the engine, as it was found. */
export type Extension = z.infer<typeof extensionSchema>;

/** What `bootstrap` made ready. */
export const bootstrapResultSchema = z.object({
  store: z.string(),
  dryRun: z.boolean(),
  folders: z.array(folderSchema),
  extensions: z.array(extensionSchema),
});

/** What `bootstrap` made ready. */
export type BootstrapResult = z.infer<typeof bootstrapResultSchema>;
