/** What a build by dbt comes to. */
export interface Outcome {
  /** What dbt did, or what was done to it, as in docs/dbt.md. */
  readonly did: string;
  /** `switched` and `refused` are outcomes of a publish; else the code of its error. */
  readonly comes: "switched" | "refused" | "BUILD_FAILED" | "INTERRUPTED" | "DISK_FULL" | "BUILD_LOCKED" | "BASE_MOVED";
  readonly exit: number;
  /** What is there of it afterwards: a release, all that it wrote, a report with the end of its output, or nothing. */
  readonly kept: "release" | "whole" | "report" | "nothing";
}

/** Every kind of build that was tried, in the order of docs/dbt.md. */
export const outcomes = {
  built: { did: "built everything that was selected, and no test failed", comes: "switched", exit: 0, kept: "release" },
  warned: { did: "the same, and a test of severity `warn` failed", comes: "switched", exit: 0, kept: "release" },
  emptied: {
    did: "the same, and a model has no row: it is a table without rows, with its columns and types",
    comes: "switched",
    exit: 0,
    kept: "release",
  },
  testFailed: { did: "a test failed; no model did", comes: "refused", exit: 3, kept: "whole" },
  nothingBuilt: { did: "nothing was selected, which dbt itself ends with exit 0", comes: "refused", exit: 3, kept: "whole" },
  tableGone: {
    did: "a model that the check `tables` names was removed, renamed, or not selected in a full build",
    comes: "refused",
    exit: 3,
    kept: "whole",
  },
  tooNew: {
    did: "DuckDB 2.0 wrote the DuckDB file of a release, in its own storage version",
    comes: "refused",
    exit: 3,
    kept: "whole",
  },
  hidden: { did: "dbt was killed, and a shell hid that by exit 0", comes: "refused", exit: 3, kept: "whole" },
  modelFailed: { did: "a model failed", comes: "BUILD_FAILED", exit: 1, kept: "report" },
  unparsed: { did: "the project cannot be read", comes: "BUILD_FAILED", exit: 1, kept: "report" },
  unreachable: { did: "PostgreSQL cannot be reached", comes: "BUILD_FAILED", exit: 1, kept: "report" },
  lost: { did: "PostgreSQL ended in the middle", comes: "BUILD_FAILED", exit: 1, kept: "report" },
  killed: {
    did: "dbt was ended by a signal: by somebody, or by the kernel that was short of memory",
    comes: "BUILD_FAILED",
    exit: 1,
    kept: "report",
  },
  diskFullInDbt: { did: "dbt filled the disk", comes: "BUILD_FAILED", exit: 1, kept: "report" },
  diskFullAfter: { did: "dbt was done, and the disk is full", comes: "DISK_FULL", exit: 15, kept: "report" },
  locked: { did: "another build of the store is under way", comes: "BUILD_LOCKED", exit: 11, kept: "nothing" },
  baseMoved: {
    did: "with `--base active`: there was a switch meanwhile, a rollback for one",
    comes: "BASE_MOVED",
    exit: 12,
    kept: "whole",
  },
  interrupted: { did: "Ctrl-C, or SIGINT to `lockkeeper`", comes: "INTERRUPTED", exit: 130, kept: "nothing" },
  terminated: { did: "SIGTERM to `lockkeeper`", comes: "INTERRUPTED", exit: 143, kept: "nothing" },
} as const satisfies Readonly<Record<string, Outcome>>;

const words: Readonly<Record<Outcome["kept"], string>> = {
  release: "the release",
  whole: "all of it, in quarantine",
  report: "its report and the end of its output, in quarantine",
  nothing: "nothing",
};

/** A row of docs/dbt.md. */
export function outcomeRow({ did, comes, exit, kept }: Outcome): string {
  const outcome = { switched: "a release", refused: "refused" }[comes as string] ?? `\`${comes}\``;
  return `| ${did} | ${outcome} | ${exit} | ${words[kept]} |`;
}
