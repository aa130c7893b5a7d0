import { readsOf } from "../../engine/duckdb/reads.ts";
import type { Admission, ServedRelease } from "../answer.ts";
import type { RequestContext } from "../route.ts";
import { servedTable, type ServedTable } from "../tables/catalogue.ts";
import type { Asked, Datasets, ReleaseDatasets } from "./datasets.ts";
import { scopeRefused } from "./scope.ts";

/** Whether the caller may see every row. */
export function seesAll(request: RequestContext): boolean {
  return request.get("principal").level === "admin";
}

/** Lets a request read a table's rows where no scope keeps them apart. Throws `SCOPE_REFUSED`, `UNAVAILABLE`. */
export function tableAdmission(datasets: Datasets, which: Asked & { readonly table: string }): Admission {
  const judge = (found: ReleaseDatasets): string => {
    if (!found.isScoped) return "";
    const table = servedTable(found.tables, which.table);
    if (table && found.isClosed(table)) throw scopeRefused(`table ${JSON.stringify(table.name)}`);
    return "";
  };
  return {
    known: (release) => {
      const found = datasets.known(which, release);
      return found && judge(found);
    },
    look: async (release) => judge(await datasets.of(which, release)),
  };
}

/**
 * Lets a request run a statement that reads no table whose rows a scope keeps apart. What a statement reads is taken from how it parses; one of which that cannot be told reads everything.
 * Throws `SCOPE_REFUSED`, `UNAVAILABLE`.
 */
export function statementAdmission(
  datasets: Datasets,
  which: Asked & { readonly name: string; readonly sql: string },
): Admission {
  return {
    known: (release) => (datasets.known(which, release)?.isScoped === false ? "" : undefined),
    look: async (release, signal) => {
      const found = await datasets.of(which, release);
      if (!found.isScoped || (await readsOpenTables(release, { found, sql: which.sql, signal }))) return "";
      throw scopeRefused(`the query ${which.name}`);
    },
  };
}

async function readsOpenTables(
  release: ServedRelease,
  { found, sql, signal }: { readonly found: ReleaseDatasets; readonly sql: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const reads = await readsOf(release, sql, signal);
  if (reads === undefined) return false;
  return reads.tables.every(({ schema, name }) => {
    const meant = found.tables.filter(
      (table) => same(table.name, name) && (schema === "" || same(table.schema, schema) || same(table.catalogue, schema)),
    );
    // A name that is no table is one that the statement gives itself, or nothing that can be judged.
    if (meant.length === 0) return reads.own.has(name.toLowerCase());
    return meant.every((table) => !found.isClosed(table) && isPlain(table));
  });
}

/** A table of the engine's or of Parquet files; a view may read any other. */
function isPlain({ kind }: ServedTable): boolean {
  return kind === "table";
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
