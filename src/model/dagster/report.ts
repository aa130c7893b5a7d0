import type { PublishResult } from "../results.ts";
import { tableOfAsset } from "./asset-key.ts";
import { countedChecks } from "./checks.ts";
import { countValue, namedException, textValue, type Metadata, type PipesException, type PipesMessage } from "./messages.ts";

/** Tables whose rows are listed. */
const tablesMax = 1_000;
/** Failed checks that the exception of a refusal names. */
const namedMax = 5;

/** What a materialisation tells beside the result. */
export interface ReportOptions {
  /** Keys of the step's assets. */
  readonly assets: readonly string[];
  /** Milliseconds that the command took. */
  readonly durationMs: number;
  /** `http://host:port` where the stores are served, if that is known. */
  readonly origin: string | undefined;
}

/**
 * A materialisation of each asset: with the rows of the table that it stands for, where it stands for one; of a step's only asset also those of every
 * table. None for what was not switched to.
 */
export function materializations(result: PublishResult, options: ReportOptions): PipesMessage[] {
  const { release } = result;
  if (result.outcome !== "switched" || release === undefined) return [];
  const common = releaseMetadata(result, options);
  const isOnly = options.assets.length === 1;
  return options.assets.map((asset) => ({
    method: "report_asset_materialization",
    params: {
      asset_key: asset,
      data_version: release,
      metadata: { ...tableMetadata(asset, result), ...(isOnly && rowsMetadata(result)), ...common },
    },
  }));
}

/** Why a refused build is no release: the checks that refused it, and where it lies. */
export function refusalException({ store, checks, quarantine }: PublishResult): PipesException {
  const failed = checks.filter(({ status, severity }) => status === "fail" && severity === "error");
  const named = failed.slice(0, namedMax).map(({ name, message }) => `${name}: ${message}`);
  const lines = [
    `${store}: the build was refused; what was active stays active`,
    ...named,
    ...(failed.length > named.length ? [`and ${failed.length - named.length} more`] : []),
    ...(quarantine === undefined ? [] : [`It is kept for a look in ${quarantine}`]),
  ];
  return namedException("ReleaseRefused", lines.join("\n"));
}

function releaseMetadata(result: PublishResult, { durationMs, origin }: ReportOptions): Metadata {
  const { store, release = "", version, previous, switchMs } = result;
  return {
    store: textValue(store),
    release: textValue(release),
    ...(version !== undefined && { version: countValue(version) }),
    ...(previous !== undefined && { previous: textValue(previous.release) }),
    checks: textValue(countedChecks(result.checks)),
    duration_ms: countValue(durationMs),
    ...(switchMs !== undefined && { switch_ms: countValue(switchMs) }),
    ...(origin !== undefined && { url: { type: "url", raw_value: `${origin}/v1/stores/${store}/releases/${release}` } }),
  };
}

function tableMetadata(asset: string, { tables }: PublishResult): Metadata {
  const table = tableOfAsset(asset, tables);
  if (table === undefined) return {};
  // Dagster draws what it finds under this name as the table's rows over time.
  const rows: Metadata = table.rows === undefined ? {} : { "dagster/row_count": countValue(table.rows) };
  return { table: textValue(qualified(table)), ...rows };
}

function rowsMetadata({ tables }: PublishResult): Metadata {
  const counted = tables.filter(({ rows }) => rows !== undefined);
  const listed = counted.slice(0, tablesMax).map((table) => [qualified(table), table.rows] as const);
  return {
    tables: countValue(tables.length),
    rows: { type: "json", raw_value: Object.fromEntries(listed) },
  };
}

function qualified({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return schema === "main" ? name : `${schema}.${name}`;
}
