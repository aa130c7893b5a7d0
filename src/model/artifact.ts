import { z } from "zod";

/** The catalogue in which readers make the views over Parquet: the in-memory one that every instance of the engine has. */
export const parquetCatalogue = "memory";

/** What the engine writes as a value into the name of a folder where it is NULL. */
export const nullFolder = "__HIVE_DEFAULT_PARTITION__";

/** Folders deep that an artifact's path may be. */
const depthMax = 8;

/** Names at the top of a build's folder that are not data: of the publish itself, and of dbt. */
const ownNames: ReadonlySet<string> = new Set([
  "lock",
  "lease.json",
  "build.log",
  "messages.jsonl",
  "report.json",
  "release.json",
  "sql.json",
  "dbt-target",
  "dbt-logs",
]);

/** Whether a name at the top of a build's folder is not part of what was built: one of the publish's own, or a hidden one. */
export function isOwnName(name: string): boolean {
  return name.startsWith(".") || ownNames.has(name);
}

/** A path inside a release, with `/`; its parts are names on every system, and none is hidden or a pattern. */
const relativePath = z
  .string()
  .min(1)
  .max(512)
  .refine((path) => {
    const parts = path.split("/");
    return parts.length <= depthMax && parts.every((part) => isPlainName(part)) && !isOwnName(parts[0] ?? "");
  }, 'must be a relative path with "/" whose parts are plain names: none hidden, none "..", none with one of * ? [ ] { } \\ : " < > |');

const schemaName = z
  .string()
  .min(1)
  .max(120)
  .refine((name) => !/[\0"]/.test(name), "must be the name of a schema");

/** A set of Parquet tables. */
export const parquetArtifactSchema = z.strictObject({
  kind: z.literal("parquet").describe("A set of Parquet tables."),
  path: relativePath
    .or(z.literal("."))
    .describe(
      "Its folder: each `<table>.parquet` in it is a table, and each folder with Parquet files. `.` is the build's own folder.",
    ),
  schema: schemaName.optional().describe("Schema of its tables. Default: the last part of the path; for `.` it is `main`."),
});

/** One file set of a release, as `artifacts` of a store has it. */
export const artifactSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("duckdb").describe("The DuckDB file; it is called like the store, or as `basename` says.") }),
  parquetArtifactSchema,
  z.strictObject({
    kind: z.literal("sqlite").describe("A SQLite file."),
    path: relativePath
      .refine((path) => !/\.(parquet|duckdb|wal)$/i.test(path), "must not end like a file of another kind")
      .describe("The file."),
  }),
]);

/** One file set of a release. */
export type Artifact = z.infer<typeof artifactSchema>;
/** A set of Parquet tables. */
export type ParquetArtifact = Extract<Artifact, { kind: "parquet" }>;

/** `artifacts` of a store: at most one DuckDB file, and no two of them in one place. */
export const artifactsSchema = z
  .array(artifactSchema)
  .min(1)
  .max(100)
  .superRefine((artifacts, context) => {
    for (const [index, artifact] of artifacts.entries()) {
      const other = artifacts.slice(0, index).find((before) => overlap(before, artifact));
      if (other === undefined) continue;
      const what =
        artifact.kind === "duckdb"
          ? "a release has one DuckDB file"
          : `it lies where another artifact does, ${JSON.stringify(pathOf(other))}`;
      context.addIssue({ code: "custom", path: [index], message: `must be left out: ${what}` });
    }
  });

/** What a release is where nothing else is configured: one DuckDB file. */
export const defaultArtifacts: readonly Artifact[] = [{ kind: "duckdb" }];

/** Whether releases have a DuckDB file. */
export function hasDatabase(artifacts: readonly Artifact[]): boolean {
  return artifacts.some(({ kind }) => kind === "duckdb");
}

/** Whether a release is a single DuckDB file and nothing else. */
export function isDatabaseOnly(artifacts: readonly Artifact[]): boolean {
  return artifacts.every(({ kind }) => kind === "duckdb");
}

/** The schema of an artifact's tables. */
export function schemaOf({ path, schema }: ParquetArtifact): string {
  return schema ?? (path === "." ? "main" : (path.split("/").at(-1) ?? "main"));
}

/** A name that means the same to every system and to the engine's patterns. */
export function isPlainName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return name !== "" && !name.startsWith(".") && !/[\u0000-\u001f\u007f*?[\]{}\\:"<>|/]/.test(name) && !/[. ]$/.test(name);
}

/** How the tables of a Parquet artifact lie on disk: a file of their own, or all files below a folder. */
export const parquetTableSchema = z.object({
  path: z.string().describe("A file, or the folder of the table's files: relative to the release's folder, with `/`."),
  files: z.int().min(1),
  hive: z.array(z.string()).describe("Columns that folder names hold, outermost first: `year=2026/` has `year`."),
  builtAt: z
    .string()
    .optional()
    .describe(
      "Where the build wrote it, relative to its folder, for a table whose writer named it. A build on top of the release finds it there.",
    ),
  builtSchema: z.string().optional().describe("What the build called its schema, where the configuration has another."),
});

/** Where a table of Parquet files lies. */
export type ParquetTable = z.infer<typeof parquetTableSchema>;

/** Where a table lies for whoever has attached the release's DuckDB file, if it has one, as `database`. */
export function catalogueOf(table: { readonly parquet?: unknown }, database: string): string {
  return table.parquet === undefined ? database : parquetCatalogue;
}

/** Where a file of a table lies in a build's folder; `path` is where it lies in the release's. */
export function builtPath(table: Pick<ParquetTable, "path" | "builtAt">, path: string): string {
  return table.builtAt === undefined ? path : `${table.builtAt}${path.slice(table.path.length)}`;
}

/** Where a file of a table is to lie in a release's folder; `path` is where the build wrote it. */
export function releasePath(table: Pick<ParquetTable, "path" | "builtAt">, path: string): string {
  return table.builtAt === undefined ? path : `${table.path}${path.slice(table.builtAt.length)}`;
}

/** Whether a file belongs to a table; both paths relative to the release's folder. */
export function isFileOf(table: Pick<ParquetTable, "path">, path: string): boolean {
  return path === table.path || path.startsWith(`${table.path}/`);
}

function pathOf(artifact: Artifact): string {
  return artifact.kind === "duckdb" ? "the DuckDB file" : artifact.path;
}

/** `.` takes what the others leave. */
function overlap(one: Artifact, other: Artifact): boolean {
  if (one.kind === "duckdb" || other.kind === "duckdb") return one.kind === other.kind;
  const [a, b] = [one.path.toLowerCase(), other.path.toLowerCase()];
  return a === b || (a !== "." && b.startsWith(`${a}/`)) || (b !== "." && a.startsWith(`${b}/`));
}

/** A table of Parquet files as the engine is to show it. */
export interface ParquetSource {
  readonly schema: string;
  readonly name: string;
  /** Absolute paths, at least one. */
  readonly files: readonly string[];
  /** As `ParquetTable.hive` has it. */
  readonly hive: readonly string[];
  /** What tells these files from others that were at the same paths before, where somebody writes them again. */
  readonly state?: string | undefined;
  /** What it must show where that is known: columns of folder names then have the types that the release was sealed with. */
  readonly columns?: readonly { readonly name: string; readonly type: string }[] | undefined;
}

/** What the end of a Parquet file tells. */
export interface ParquetFooter {
  readonly path: string;
  readonly rows: number;
  /** Of the file itself, in order; `nulls` is `undefined` where the file has no statistics of a column. */
  readonly columns: readonly { readonly name: string; readonly type: string; readonly nulls: number | undefined }[];
}
