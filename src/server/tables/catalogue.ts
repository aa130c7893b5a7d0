import { readCatalogue } from "../../engine/duckdb/catalogue.ts";
import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { parquetCatalogue } from "../../model/artifact.ts";
import { didYouMean } from "../../model/nearest.ts";
import type { ReleaseTable } from "../../model/release-record.ts";
import type { ServedRelease } from "../answer.ts";
import { publicError } from "../problem.ts";

/** A table or view of a release; `rows` is exact, and views have none. */
export interface ServedTable extends ReleaseTable {
  /** Where it lies for a statement: the DuckDB file, or what the Parquet tables are shown in. */
  readonly catalogue: string;
}

/** A column of a table; `type` is the engine's own name. */
export type TableColumn = ReleaseTable["columns"][number];

/** Releases whose tables are remembered: the active one, those before and after it, and some that were asked for by name. */
const remembered = 16;

/** What lies in releases: asked of the engine once a release, for a release never changes. */
export class Catalogues {
  readonly #known = new Map<string, Promise<readonly ServedTable[]>>();

  /** The tables of a release by schema and name. Throws what the release's queries throw. */
  tables(release: ServedRelease): Promise<readonly ServedTable[]> {
    const known = this.#known.get(release.uid);
    if (known !== undefined) return known;
    const read = readTables(release);
    this.#known.set(release.uid, read);
    // A failure is this request's, not the release's for ever.
    read.catch(() => this.#known.delete(release.uid));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= remembered) break;
      this.#known.delete(oldest);
    }
    return read;
  }

  /** One table, by its name in schema `main`, by `schema.name`, or by its name alone where that is unmistakable. Throws `TABLE_UNKNOWN`. */
  async table(release: ServedRelease, wanted: string): Promise<ServedTable> {
    const tables = await this.tables(release);
    const found = servedTable(tables, wanted);
    if (found !== undefined) return found;
    const anywhere = tables.filter(({ name }) => name === wanted);
    if (anywhere.length > 1) {
      const names = anywhere.map(({ schema, name }) => `${schema}.${name}`).join(", ");
      throw publicError("TABLE_UNKNOWN", `several schemas have a table ${JSON.stringify(wanted)}`, {
        hint: `Say one of ${names}.`,
      });
    }
    const names = tables.flatMap(({ schema, name }) => [name, `${schema}.${name}`]);
    throw publicError(
      "TABLE_UNKNOWN",
      `release ${release.release} has no table ${JSON.stringify(wanted)}${didYouMean(wanted, names)}`,
      {
        hint: "The address ending in /tables lists them.",
      },
    );
  }
}

/** One of some tables, as `Catalogues.table` finds it; `undefined` where no table or several are meant. */
export function servedTable(tables: readonly ServedTable[], wanted: string): ServedTable | undefined {
  const full = tables.filter(({ schema, name }) => `${schema}.${name}` === wanted);
  const inMain = tables.filter(({ schema, name }) => schema === "main" && name === wanted);
  const anywhere = tables.filter(({ name }) => name === wanted);
  return [full, inMain, anywhere].find((those) => those.length === 1)?.[0];
}

/** A table as a statement names it. */
export function tableName({ catalogue, schema, name }: Pick<ServedTable, "catalogue" | "schema" | "name">): string {
  return [catalogue, schema, name].map(quoteIdentifier).join(".");
}

async function readTables(release: ServedRelease): Promise<readonly ServedTable[]> {
  const [[database] = []] = (await release.query("SELECT current_database()")).rows;
  const tables: ServedTable[] = [];
  for (const catalogue of new Set([String(database), parquetCatalogue])) {
    for (const table of (await readCatalogue(release, catalogue)).tables) tables.push({ ...table, catalogue });
  }
  return tables.toSorted(bySchemaAndName);
}

function bySchemaAndName(one: ServedTable, other: ServedTable): number {
  return compareTexts(one.schema, other.schema) || compareTexts(one.name, other.name);
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
