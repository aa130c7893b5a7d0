import { dirname } from "node:path";
import type { BuildResult, BuildsResult, BuildSummary } from "../../model/results.ts";
import { formatBytes } from "../../model/units.ts";
import { relText } from "./plan.ts";
import type { Style } from "./style.ts";
import { printable, tableLines } from "./text.ts";

/** `build begin`: the id, where to write, and what comes next. */
export function beganText(result: BuildResult, style: Style): string {
  const { build, store, path, dir, base, environment, expiresAt } = result;
  // Not in the folder itself lies only what is no part of the release.
  const isPart = dirname(path) === dir;
  const places = [...(isPart ? [path] : []), ...(environment["PARQUET_DIR"] !== undefined || !isPart ? [dir] : [])];
  return [
    `${style.green(store)}: began build ${style.bold(build)}${base ? ` while ${relText(base)} is active` : ""}`,
    ...places.map((place) => `  write  ${printable(place)}`),
    `  lease  until ${expiresAt}; \`lockkeeper build renew ${build}\` and lines in LOCKKEEPER_MESSAGES renew it`,
    `  then   lockkeeper build commit ${build}`,
  ].join("\n");
}

/** `build renew`. */
export function renewedText({ build, store, expiresAt }: BuildResult, style: Style): string {
  return `${style.green(store)}: build ${style.bold(build)} has its lease until ${expiresAt}`;
}

/** `build begin --export`: the variables of the build, each as a shell takes it whatever is in it. */
export function exportText({ environment }: BuildResult): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join("\n");
}

/** `build abort`. */
export function abortedText({ build, store, state, bytes }: BuildSummary, style: Style): string {
  if (state !== "aborted") return `${store}: would remove build ${build}, ${formatBytes(bytes)}. Nothing was changed.`;
  return `${style.green(store)}: removed build ${style.bold(build)}, ${formatBytes(bytes)}`;
}

/** `build list`: a line each, then what is wrong with any. */
export function buildsText({ builds }: BuildsResult, style: Style): string {
  if (builds.length === 0) return "No build is under way.";
  const rows = builds.map(({ build, store, state, startedAt, expiresAt, bytes, owner }) => [
    build,
    store,
    state,
    startedAt,
    expiresAt ?? "-",
    formatBytes(bytes),
    owner?.label ?? (owner ? `process ${owner.pid} on ${owner.host}` : "-"),
  ]);
  const head = ["build", "store", "state", "started", "lease until", "size", "by"];
  const wrong = builds.flatMap(({ store, detail }) =>
    detail === undefined ? [] : [`${style.yellow(store)}: ${printable(detail)}`],
  );
  return [...tableLines(head, rows, { style, right: new Set([5]) }), ...(wrong.length > 0 ? ["", ...wrong] : [])].join("\n");
}
