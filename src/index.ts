export { doctor } from "./workspace/doctor/doctor.ts";
export { openReader } from "./workspace/open-reader.ts";
export { openWorkspace } from "./workspace/workspace.ts";
export { isLockkeeperError, LockkeeperError } from "./errors/lockkeeper-error.ts";
export type { Build, BuildCommand, BuildSql, WebhooksOptions, Workspace, WorkspacePublishOptions } from "./workspace/api.ts";
export type { DoctorOptions } from "./workspace/doctor/doctor.ts";
export type { BootstrapOptions } from "./workspace/bootstrap.ts";
export type { WorkspaceEventsOptions } from "./workspace/events.ts";
export type { ConfigLocation } from "./workspace/config-file.ts";
export type { ConfiguredTokens } from "./workspace/tokens.ts";
export type { ErrorCategory, ErrorCode } from "./errors/codes.ts";
export type { ErrorDetails, ErrorFinding, LockHolder } from "./errors/lockkeeper-error.ts";
export type { AccessToken, TokenLevel } from "./model/access-token.ts";
export type { BootstrapResult, Extension } from "./model/bootstrap.ts";
export type { BuildMessage } from "./model/build-message.ts";
export type { Check, CheckResult } from "./model/check.ts";
export type { DoctorCheck } from "./model/doctor/check.ts";
export type { ColumnDiff, DiffResult, TableDiff } from "./model/diff.ts";
export type { StoreEvent } from "./model/events.ts";
export type { PlanStep, PublishPlan, Rel, SwitchPlan } from "./model/plan.ts";
export type { ExportedFile, QueryColumn, QueryParameters, QueryRows, RowStream, ValueForm } from "./model/query.ts";
export { ExactNumber } from "./model/query.ts";
export type {
  BuildResult,
  BuildsResult,
  BuildSummary,
  ChecksResult,
  LocksResult,
  PathResult,
  PruneResult,
  PublishResult,
  ReleaseResult,
  ReleasesResult,
  ReleaseSummary,
  StoreFreshness,
  StoreStatus,
  SwitchResult,
  WebhookStatus,
} from "./model/results.ts";
export type { SqliteDatabase, SqliteStatement } from "./model/sqlite.ts";
export type { ListenAddress } from "./model/listen.ts";
export type { NamedParameter, NamedQuery } from "./model/named-query.ts";
export type { ParameterScalar, ParameterType, TypedValue } from "./model/parameter-types.ts";
export type { ServeAlarms, ServeLimits, ServeSettings } from "./model/serve-config.ts";
export type { ReleaseMark } from "./model/release-mark.ts";
export type { ReaderEventName, ReaderEvents, ReaderListener } from "./reader/events.ts";
export type { DiffRequest } from "./reader/kept/diff.ts";
export type { QueryRequest } from "./reader/kept/visit.ts";
export type { ReaderLimits, ReaderOptions } from "./reader/options.ts";
export type {
  ActiveOptions,
  BorrowedExportOptions,
  BorrowedQueryOptions,
  BorrowedRelease,
  BorrowOptions,
  Reader,
  ReaderRows,
  ReaderStream,
  ReleaseIdentity,
} from "./reader/reader.ts";
export type { ReaderStatus } from "./reader/status.ts";
export type { AdoptOptions } from "./release/adopt.ts";
export type { CheckOptions } from "./release/check.ts";
export type { AbortOptions } from "./release/detached/abort.ts";
export type { BeginOptions } from "./release/detached/begin.ts";
export type { CommitOptions } from "./release/detached/commit.ts";
export type { RenewOptions } from "./release/detached/renew.ts";
export type { StoreEventFeed } from "./release/events.ts";
export type { PinOptions } from "./release/marks.ts";
export type { RollbackOptions } from "./release/rollback.ts";
export type { BuildContext, OperationOptions, ProgressEvent, PublishPhase } from "./release/store.ts";
