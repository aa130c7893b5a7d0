import type { QuerySource } from "./compare.ts";

/** What a statement reads. */
export interface StatementReads {
  /** Tables and views as the statement names them; `schema` is empty where it names none. */
  readonly tables: readonly { readonly schema: string; readonly name: string }[];
  /** Names, in lower case, that it gives to queries of its own (WITH). */
  readonly own: ReadonlySet<string>;
}

/** Table functions that read nothing. */
const harmless: ReadonlySet<string> = new Set(["range", "generate_series", "unnest"]);

const macros = "SELECT count(*) FROM duckdb_functions() WHERE NOT internal AND function_type IN ('macro', 'table_macro')";

/**
 * What a statement reads, by how the engine parses it; `undefined` where that does not tell: a statement that is no plain SELECT, a table function, a macro of the release, a
 * description of a table. Views are named, not looked into.
 */
export async function readsOf(source: QuerySource, sql: string, signal?: AbortSignal): Promise<StatementReads | undefined> {
  const [[defined] = []] = (await source.query(macros, [], { signal })).rows;
  if (Number(defined) !== 0) return undefined;
  const [[text] = []] = (await source.query("SELECT json_serialize_sql($1::VARCHAR)", [sql], { signal })).rows;
  const parsed = JSON.parse(String(text)) as { error?: boolean; statements?: readonly unknown[] };
  if (parsed.error !== false || parsed.statements?.length !== 1) return undefined;
  const walk = new Walk();
  walk.into(parsed.statements[0]);
  return walk.isOpaque ? undefined : { tables: walk.tables, own: walk.own };
}

type Node = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

class Walk {
  readonly tables: { schema: string; name: string }[] = [];
  readonly own = new Set<string>();
  isOpaque = false;

  into(value: unknown): void {
    if (Array.isArray(value)) {
      for (const each of value) this.into(each);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const node = value as Node;
    if ("from_table" in node) this.#source(node["from_table"]);
    if ("cte_map" in node) this.#names(node["cte_map"]);
    for (const each of Object.values(node)) this.into(each);
  }

  #source(value: unknown): void {
    const node = (value ?? {}) as Node;
    switch (node["type"]) {
      case "BASE_TABLE":
        this.tables.push({ schema: textOf(node["schema_name"]), name: textOf(node["table_name"]) });
        break;
      case "JOIN":
        this.#source(node["left"]);
        this.#source(node["right"]);
        break;
      case "TABLE_FUNCTION": {
        const called = node["function"] as Node | undefined;
        this.isOpaque ||= !harmless.has(textOf(called?.["function_name"]));
        break;
      }
      // Their queries, where they have one, have a `from_table` of their own.
      case "SUBQUERY":
      case "EMPTY":
      case "EXPRESSION_LIST":
        break;
      default:
        this.isOpaque = true;
    }
  }

  #names(value: unknown): void {
    const { map } = value as { map?: readonly { readonly key?: unknown }[] };
    for (const { key } of map ?? []) this.own.add(String(key).toLowerCase());
  }
}
