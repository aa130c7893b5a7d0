import type { CheckResult } from "../check.ts";
import type { DbtManifest, DbtRunResult } from "./files.ts";
import { externalModels } from "./places.ts";
import type { NamedTable } from "./statement.ts";

/** Tables that a message names. */
const shownMax = 5;

/**
 * The check that tells of external models that dbt has built and that are no tables of the release: they are CSV or JSON, or lie outside of its artifacts. A warning, for a release may be of a part of a
 * project. `undefined` where there are none.
 */
export function missingTables(
  results: readonly DbtRunResult[],
  manifest: DbtManifest,
  tables: readonly NamedTable[],
): CheckResult | undefined {
  const keyOf = (schema: string, name: string) => JSON.stringify([schema.toLowerCase(), name.toLowerCase()]);
  const present = new Set(tables.map(({ schema, name, builtSchema }) => keyOf(builtSchema ?? schema, name)));
  const built = new Set(results.filter(({ status }) => status === "success").map(({ unique_id }) => unique_id));
  const missing = externalModels(manifest).filter(
    ({ uniqueId, schema, name }) => built.has(uniqueId) && !present.has(keyOf(schema, name)),
  );
  const [first] = missing;
  if (first === undefined) return undefined;
  const names = missing.slice(0, shownMax).map(({ schema, name }) => `${schema}.${name}`);
  const listed = `${names.join(", ")}${missing.length > shownMax ? ` and ${missing.length - shownMax} more` : ""}`;
  return {
    name: "dbt_tables",
    check: "dbt_tables",
    severity: "warn",
    status: "fail",
    table: `${first.schema}.${first.name}`,
    observed: listed,
    expected: "a table of each external model",
    message: `${listed}: built by dbt, and no table of the release: only Parquet files in the folders of its artifacts are`,
  };
}
