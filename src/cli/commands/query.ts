import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { countOf } from "../arguments.ts";
import type { CommandContext, Outcome } from "../context.ts";
import type { ReaderRows } from "../../reader/reader.ts";
import type { Workspace } from "../../workspace/api.ts";
import { counted, printable, tableLines } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string;
  readonly sql: string;
  readonly limit?: string;
  readonly release?: string | undefined;
}

/** Rows of a result unless `--limit` says: more than anyone reads, few enough to hold. */
const rowsDefault = 10_000;

/** `query STORE SQL`: one read-only statement on the active release, or on another one or a refused build, for the store's owner. */
export async function run({ store, sql, limit, release }: Input, context: CommandContext): Promise<Outcome> {
  const rowsMax = limit === undefined ? rowsDefault : countOf("--limit", limit);
  return withWorkspace(context, async (workspace) => {
    const result = await answer(workspace, { store, sql, release, rowsMax }, context).catch((error: unknown) => {
      throw withLimitHint(error, rowsMax);
    });
    const { columns, rows, version } = result;
    return {
      word: "query",
      body: { store, release: result.release, ...(version !== undefined && { version }), columns, rows },
      exit: 0,
      text: (style) => {
        const right = new Set(columns.flatMap(({ type }, index) => (isNumber(type) ? [index] : [])));
        const names = columns.map((column) => column.name);
        const lines = tableLines(
          names,
          rows.map((row) => row.map(cellText)),
          { style, right },
        );
        return [...lines, style.dim(`${counted(rows.length, "row")} from ${result.release}`)].join("\n");
      },
    };
  });
}

async function answer(
  workspace: Workspace,
  { store, sql, release, rowsMax }: Omit<Input, "limit"> & { readonly rowsMax: number },
  context: CommandContext,
): Promise<ReaderRows<number | undefined>> {
  const warn = (message: string) => context.note(`warning: ${printable(message)}`);
  // Without the active release, which may be what is broken.
  if (release !== undefined) return workspace.queryRelease(store, { release, sql, options: { rowsMax } }, { warn });
  const reader = await workspace.openReader(store, { warn });
  return reader.query(sql, undefined, { rowsMax });
}

function withLimitHint(error: unknown, rowsMax: number): unknown {
  if (!isLockkeeperError(error, "LIMIT_ROWS")) return error;
  return new LockkeeperError("LIMIT_ROWS", error.message, {
    hint: `Add LIMIT to the statement, or say --limit with more than ${rowsMax}.`,
    cause: error,
  });
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isNumber(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)\b/.test(type);
}
