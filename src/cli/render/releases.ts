import type { PruneResult, ReleaseResult, ReleasesResult } from "../../model/results.ts";
import { formatBytes } from "../../model/units.ts";
import { checkLines } from "./checks.ts";
import type { Style } from "./style.ts";
import { counted, printable, tableLines } from "./text.ts";

/** `releases list`: a line each. */
export function releasesText({ store, releases }: ReleasesResult, style: Style): string {
  if (releases.length === 0) return `${store} has no release yet.`;
  const rows = releases.map((release) => [
    release.release,
    release.version === undefined ? "-" : String(release.version),
    release.pinned ? `${release.state}, pinned` : release.state,
    release.createdAt ?? "-",
    formatBytes(release.bytes),
    release.readers === undefined ? "-" : String(release.readers),
  ]);
  const head = ["release", "version", "state", "created", "size", "readers"];
  return tableLines(head, rows, { style, right: new Set([1, 4, 5]) }).join("\n");
}

/** `releases show`: what its record says. */
export function releaseText(result: ReleaseResult, style: Style): string {
  const version = result.version === undefined ? "" : `, version ${result.version}`;
  const { kind, command, sql } = result.builder;
  const tables = result.tables.map((table) => [
    `${table.schema}.${table.name}`,
    table.kind,
    table.rows === undefined ? "-" : table.rows.toLocaleString("en-US"),
    String(table.columns.length),
  ]);
  const pins = result.pins.map((pin) => `  pinned ${pin.until ? `until ${pin.until}` : "for ever"}: ${printable(pin.reason)}`);
  return [
    `${result.store}: ${style.bold(result.release)}, ${result.state}${version}`,
    ...pins,
    `  created ${result.createdAt} by ${printable(command?.join(" ") ?? sql?.map(({ path }) => path).join(", ") ?? kind)}`,
    `  parent ${result.parent ?? "-"}, storage version ${printable(result.storageVersion)}`,
    ...result.files.map((file) => `  ${printable(file.path)}  ${formatBytes(file.bytes)}  sha256 ${file.sha256}`),
    ...(result.provenance ?? []).map(
      (file) => `  provenance ${printable(file.path)}  ${formatBytes(file.bytes)}  sha256 ${file.sha256}`,
    ),
    ...(result.watermarks ?? []).map(({ name, value }) => `  watermark ${printable(name)}  ${printable(value)}`),
    ...tableLines(["table", "kind", "rows", "columns"], tables, { style, right: new Set([2, 3]) }).map((line) => `  ${line}`),
    ...checkLines(result.checks, style),
  ].join("\n");
}

/** `releases prune`: what went, what stayed, and why. */
export function pruneText(result: PruneResult, style: Style): string {
  const bytes = result.removed.reduce((sum, removed) => sum + removed.bytes, 0);
  const verb = result.outcome === "planned" ? "would remove" : "removed";
  return [
    `${result.store}: ${verb} ${counted(result.removed.length, "release")}, ${formatBytes(bytes)}${result.outcome === "planned" ? ". Nothing was changed." : ""}`,
    ...result.removed.map(({ release, reason }) => `  ${style.bold("remove")}  ${release}  ${style.dim(printable(reason))}`),
    ...result.kept.map(({ release, reason }) => `  ${style.bold("keep  ")}  ${release}  ${style.dim(printable(reason))}`),
  ].join("\n");
}
