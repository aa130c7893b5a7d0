/** Exit codes of the command line; the HTTP server maps the same categories to status codes. */
export const exitCodes = {
  failed: 1,
  usage: 2,
  findings: 3,
  notFound: 10,
  locked: 11,
  conflict: 12,
  corrupt: 13,
  unsupported: 14,
  limit: 15,
  unavailable: 16,
  denied: 17,
  bug: 70,
  interrupted: 130,
} as const;

/** The family an error belongs to; it decides the exit code. */
export type ErrorCategory = keyof typeof exitCodes;

interface CodeEntry {
  readonly category: ErrorCategory;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retriable: boolean;
  readonly returnedWhen: string;
}

/**
 * Every error code there is, in one list. `docs/errors.md` is generated from it, and a test
 * keeps the two equal.
 */
export const errorCodes = {
  BUILD_FAILED: entry(
    "failed",
    false,
    "the build command exited with a code other than 0, was killed, or the build function threw",
  ),
  BUILD_TIMEOUT: entry("failed", false, "the build ran longer than `build.timeout` and was stopped"),
  BUILD_EMPTY: entry("failed", false, "the build ended well but the file it was to write is not there"),
  BUILD_UNFINISHED: entry(
    "failed",
    false,
    "the build ended but something still writes to its file, or a write-ahead log could not be folded in",
  ),
  QUERY_FAILED: entry("failed", false, "the engine rejected or aborted a SQL statement"),
  DEMO_FAILED: entry(
    "failed",
    false,
    "a step of the demo did not end as it should, or an answer failed, was mixed or met a lock",
  ),
  IO_FAILED: entry(
    "failed",
    true,
    "the operating system refused a read, write, rename or fsync for a reason that has no code of its own",
  ),
  USAGE: entry("usage", false, "an argument or option of a call or command is missing, unknown or malformed"),
  CONFIG_INVALID: entry("usage", false, "`lockkeeper.toml` is not valid: unknown key, wrong type, reserved name"),
  CONFIG_MISSING: entry(
    "usage",
    false,
    "no `lockkeeper.toml` was found upwards from the working folder, or the named one does not exist",
  ),
  FEATURE_MISSING: entry("usage", false, "the configuration asks for a part that this version does not have"),
  QUERY_REFUSED: entry("usage", false, "SQL that is not exactly one read-only statement was passed to a read-only query"),
  BIND_FAILED: entry("usage", false, "a query parameter has a JavaScript type that cannot be bound, or their number is wrong"),
  ADDRESS_UNKNOWN: entry("usage", false, "the server was to listen on an address that this machine does not have"),
  TOKENS_MISSING: entry(
    "usage",
    false,
    "the server was to listen where others reach it and no token is configured, or a configured one cannot be used",
  ),
  REQUEST_INVALID: entry("usage", false, "a parameter, header or body of an HTTP request is unknown, missing or malformed"),
  METHOD_REFUSED: entry("usage", false, "an HTTP route exists, but not with the request's method"),
  FORMAT_REFUSED: entry("usage", false, "an HTTP request accepts none of the formats in which its answer can be given"),
  PRECONDITION_MISSING: entry("usage", false, "an HTTP request that changes something came without `If-Match`"),
  NO_RELEASE: entry("notFound", true, "a store has no usable manifest and no fallback"),
  STORE_UNKNOWN: entry("notFound", false, "the configuration has no store of that name"),
  BUILD_UNKNOWN: entry(
    "notFound",
    false,
    "no store has a detached build of that id: it was committed, aborted, or its lease expired",
  ),
  RELEASE_UNKNOWN: entry(
    "notFound",
    false,
    "the named release is not kept, the other slot does not hold it, or no build of that id has left its data in quarantine",
  ),
  TABLE_UNKNOWN: entry("notFound", false, "the release has no table of that name"),
  DATASET_UNKNOWN: entry("notFound", false, "the store has no dataset of that id"),
  JOB_UNKNOWN: entry("notFound", false, "this server has started no job of that id, or has forgotten it"),
  BUILD_MISSING: entry(
    "conflict",
    false,
    "a refresh was asked for of a store whose configuration does not say what its build is",
  ),
  JOB_RUNNING: entry("locked", true, "a refresh of the store is running already"),
  QUERY_UNKNOWN: entry("notFound", false, "the store has no named query of that name"),
  ROUTE_UNKNOWN: entry("notFound", false, "an HTTP request names a path that is not served"),
  PAGE_GONE: entry("notFound", false, "a page token belongs to a release that is not kept any more"),
  FILE_MISSING: entry("notFound", false, "a file that was named by the caller does not exist"),
  WRITER_LOCKED: entry("locked", true, "another process holds the store's writer lock"),
  BUILD_LOCKED: entry(
    "locked",
    true,
    "another build of the store is under way, the command of a dead publisher still runs, or another process commits or aborts the detached build",
  ),
  FILE_LOCKED: entry("locked", true, "another process holds the DuckDB file's own lock"),
  ADDRESS_IN_USE: entry("locked", true, "another program listens on the address that the server was to listen on"),
  SLOT_BUSY: entry(
    "locked",
    true,
    "a DuckDB writer is inside the slot that would be replaced, removed or copied, a reader has one open that would be removed, or the platform would not rename over it",
  ),
  LOCK_REPLACED: entry(
    "conflict",
    true,
    "the lock file was removed or replaced while its lock was held; the commit step was not taken",
  ),
  FOREIGN_MANIFEST: entry(
    "conflict",
    false,
    "the active manifest was written by another program; `adopt` takes the store under care",
  ),
  MANIFEST_GONE: entry(
    "conflict",
    false,
    "the store has switched before but its manifest is missing; somebody rolled back by deleting it",
  ),
  MANIFEST_MOVED: entry("conflict", true, "the manifest changed between the plan and the commit step"),
  BASE_MOVED: entry(
    "conflict",
    true,
    "a build that began with a copy of the active release was to be committed, and something else has become active since",
  ),
  SOURCE_MOVING: entry(
    "conflict",
    true,
    "the folder that a release was to be copied from was written while it was copied, again and again",
  ),
  SLOT_UNKNOWN: entry("conflict", false, "a slot file exists that no manifest and no release record speaks of"),
  NOT_FOREIGN: entry("conflict", false, "`adopt` was called on a store that is already under care"),
  VERSION_CHANGED: entry("conflict", false, "a rollback was to go back from a version that is not the active one any more"),
  KEY_REUSED: entry("conflict", false, "an `Idempotency-Key` was used before, for another request"),
  STORE_NOT_EMPTY: entry("conflict", false, "`init --from` was called on a store that already has data"),
  MANIFEST_INVALID: entry(
    "corrupt",
    true,
    "the manifest is not readable as one JSON object with valid fields; the message names the field",
  ),
  RECORD_INVALID: entry("corrupt", false, "a release record is missing, malformed, or differs from the sha256 in the manifest"),
  LEASE_INVALID: entry("corrupt", false, "the lease of a detached build is missing, malformed, or that of another build"),
  CHECKSUM_MISMATCH: entry("corrupt", false, "a data file differs from the bytes or sha256 in its release record"),
  DATABASE_CORRUPT: entry("corrupt", false, "the engine cannot open a data file: damaged, truncated or not a database"),
  FORMAT_UNSUPPORTED: entry("unsupported", false, "a manifest or record has a `formatVersion` above the one this version knows"),
  STORAGE_UNSUPPORTED: entry(
    "unsupported",
    false,
    "a DuckDB file has a storage version that this engine cannot read, or is encrypted",
  ),
  FILE_SYSTEM_UNSUPPORTED: entry(
    "unsupported",
    false,
    "the store lies on a network file system, where kernel locks cannot be trusted",
  ),
  PLATFORM_UNSUPPORTED: entry("unsupported", false, "the lock addon has no build for this platform"),
  LIMIT_ROWS: entry("limit", false, "a query result has more rows than the limit allows"),
  LIMIT_BYTES: entry("limit", false, "a query result is larger than the limit allows"),
  LIMIT_TIME: entry("limit", false, "a query ran longer than the limit allows and was interrupted"),
  LIMIT_FILES: entry("limit", true, "the process or the system has no file descriptor left"),
  REQUEST_TOO_LARGE: entry("limit", false, "the address or the body of an HTTP request is longer than allowed"),
  TOO_MANY_REQUESTS: entry("limit", true, "one client has more HTTP requests waiting than its share"),
  DISK_FULL: entry("limit", true, "there is not enough free space for the operation, or the disk filled up during it"),
  UNAVAILABLE: entry(
    "unavailable",
    true,
    "no generation or fallback could serve the request within the wait bound, or all releases that may be open by name are in use",
  ),
  OVERLOADED: entry("unavailable", true, "more HTTP requests wait than the server lets wait, or one waited longer than it may"),
  READER_CLOSED: entry("unavailable", false, "a reader or workspace was used after `close()`"),
  PERMISSION_DENIED: entry("denied", false, "the operating system does not let this user read or write a path"),
  TOKEN_REFUSED: entry("denied", false, "an HTTP request has no token, or one that is not known"),
  LEVEL_REFUSED: entry("denied", false, "the token of an HTTP request does not allow what was asked for"),
  SCOPE_MISSING: entry(
    "denied",
    false,
    "an HTTP request asks for rows that a scope column keeps apart, and nobody said whose request it is",
  ),
  SCOPE_REFUSED: entry(
    "denied",
    false,
    "an HTTP request asks for rows that a scope column keeps apart, and not through the dataset API",
  ),
  HOST_REFUSED: entry("denied", false, "the `Host` of an HTTP request is not one that is answered"),
  READ_ONLY: entry("denied", false, "the store lies on a read-only file system"),
  INTERRUPTED: entry("interrupted", true, "the operation was stopped by a signal or an AbortSignal; nothing was switched"),
  BUG: entry("bug", false, "an internal assertion failed; please report it"),
} as const satisfies Record<string, CodeEntry>;

/** The name of an error, stable across releases. */
export type ErrorCode = keyof typeof errorCodes;

function entry(category: ErrorCategory, retriable: boolean, returnedWhen: string): CodeEntry {
  return { category, retriable, returnedWhen };
}
