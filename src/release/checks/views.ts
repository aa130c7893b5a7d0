import type { CheckResult } from "../../model/check.ts";
import type { Inspection, UnportableView } from "../engine.ts";
import { fail, listed, pass } from "./context.ts";

const shownMax = 3;

/** Every view binds while the file is attached under its constant name: none names a folder or catalogue that readers do not have. */
export function checkViews({ brokenViews: broken, tables }: Pick<Inspection, "brokenViews" | "tables">): CheckResult {
  const expectation = { name: "views", check: "views", severity: "error", expected: "every view binds" } as const;
  const [first] = broken;
  if (!first) return pass(expectation, "all bind", "every view binds for a reader");
  const observed = `${broken.length} broken: ${listed(broken.map(nameOf), shownMax)}`;
  return fail(
    { ...expectation, table: nameOf(first) },
    observed,
    `view ${nameOf(first)} does not bind for a reader: ${first.error}${cureOf(first.error, tables)}`,
  );
}

/** Readers show Parquet tables beside the file: nothing in the file can read them. */
function cureOf(error: string, tables: Inspection["tables"]): string {
  const name = /Table with name (\S+) does not exist/.exec(error)?.[1]?.split(".").at(-1)?.toLowerCase();
  const table = tables.find((each) => each.parquet !== undefined && each.name.toLowerCase() === name);
  return table === undefined
    ? ""
    : ` ${nameOf(table)} is a table of Parquet files, which no view of the DuckDB file can read: make this view a table, or a Parquet table`;
}

/**
 * No view that names its catalogue, as dbt's do: readers of ours attach the file under that name, but a program that opens it by its path finds the view broken
 * (FACTS 2.7). A warning.
 */
export function checkViewCatalogues(views: readonly UnportableView[]): CheckResult {
  const expectation = {
    name: "view_catalogues",
    check: "view_catalogues",
    severity: "warn",
    expected: "no view names its catalogue",
  } as const;
  const found = views.filter(({ needs }) => needs === "catalogue");
  const [first] = found;
  if (!first) return pass(expectation, "none does", "every view binds under any name of the file");
  const message = `view ${nameOf(first)} binds only while the file is attached under its own name: ${first.error}`;
  return fail({ ...expectation, table: nameOf(first) }, `${found.length}: ${listed(found.map(nameOf), shownMax)}`, message);
}

/**
 * No view that reads files besides the database. One that reads the build folder is broken as soon as that is gone (FACTS 2.14): it refuses the build; others, which are
 * no part of the release, are a warning. `buildFolders` are the ways in which the build may have spelt its folder.
 */
export function checkViewFiles(views: readonly UnportableView[], buildFolders: readonly string[]): CheckResult {
  const expectation = { name: "view_files", check: "view_files", severity: "error", expected: "no view reads files" } as const;
  const found = views.filter(({ needs }) => needs === "files");
  const inside = found.filter((view) => buildFolders.some((folder) => `${view.definition}\n${view.error}`.includes(folder)));
  const [first] = inside.length > 0 ? inside : found;
  if (!first) return pass(expectation, "none does", "no view reads files beside the database");
  const observed = `${found.length}: ${listed(found.map(nameOf), shownMax)}`;
  if (inside.length > 0) {
    const message = `view ${nameOf(first)} reads the build's folder, which goes with the build: ${first.error}`;
    return fail({ ...expectation, table: nameOf(first) }, observed, message);
  }
  const message = `view ${nameOf(first)} reads files that are no part of the release, and may change under it: ${first.error}`;
  return fail({ ...expectation, severity: "warn", table: nameOf(first) }, observed, message);
}

function nameOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`;
}
