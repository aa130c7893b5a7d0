import { isLockkeeperError, type LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { ServedRelease } from "./answer.ts";
import type { ServerContext } from "./context.ts";
import { seesAll, tableAdmission } from "./datasets/guard.ts";
import { publicError } from "./problem.ts";
import type { Reply } from "./reply.ts";
import { answerResult, type PreparedStatement, type ResultForm } from "./result.ts";
import type { RequestContext } from "./route.ts";
import { assertCasts } from "./tables/casts.ts";
import { pageToken, type PagePlace } from "./tables/page.ts";
import { tableStatement, type RowsRequest, type TableStatement } from "./tables/select.ts";

/** Rows of a table, checked as far as that goes without the table. */
export interface TableRows extends RowsRequest {
  readonly store: string;
  readonly table: string;
  readonly release: string | undefined;
  readonly form: ResultForm;
  readonly limit: number | undefined;
  /** What the pages of this request have in common. */
  readonly asked: string;
  readonly place: PagePlace | undefined;
}

/** Answers a request for rows of a table. Throws `PAGE_GONE` where the release of its page is not kept any more. */
export async function answerRows(context: ServerContext, request: RequestContext, rows: TableRows): Promise<Reply> {
  const { store, limit, asked, place, form } = rows;
  const offset = place?.offset ?? 0;
  // One row more than a page has shows that there is another page.
  const paged = form.format === "json" && limit !== undefined;
  const wanted = paged ? limit + 1 : limit;
  try {
    return await answerResult(context, request, {
      store,
      release: place?.release ?? rows.release,
      identity: `rows ${limit} ${offset} ${asked}`,
      form,
      assertRelease: (release) => assertSame(place, release),
      admission: seesAll(request)
        ? undefined
        : tableAdmission(context.datasets, { store, named: place?.release ?? rows.release, table: rows.table }),
      prepare: async (release, signal) => paging(await statementOf(context, rows, { release, signal }), wanted, offset),
      rowsMax: wanted ?? context.limits.rowsMax,
      finish: (found, release) =>
        paged && found.length > limit
          ? { rows: found.slice(0, limit), next: pageToken(release, asked, offset + limit) }
          : { rows: found },
    });
  } catch (error) {
    if (place && isLockkeeperError(error, "RELEASE_UNKNOWN")) throw gone(place);
    throw error;
  }
}

function assertSame(place: PagePlace | undefined, release: Pick<ServedRelease, "uid">): void {
  if (place && place.uid !== release.uid) throw gone(place);
}

function gone({ release }: PagePlace): LockkeeperError {
  return publicError("PAGE_GONE", `release ${JSON.stringify(release)}, which this page is of, is not kept any more`, {
    hint: "Begin again without page: the pages then come from the release that is active.",
  });
}

async function statementOf(
  context: ServerContext,
  rows: TableRows,
  { release, signal }: { readonly release: ServedRelease; readonly signal: AbortSignal },
): Promise<TableStatement> {
  const table = await context.catalogues.table(release, rows.table);
  const statement = tableStatement(table, rows);
  await assertCasts(release, statement, signal);
  return statement;
}

function paging({ sql, parameters }: TableStatement, limit: number | undefined, offset: number): PreparedStatement {
  const parts = [sql, ...(limit === undefined ? [] : [`LIMIT ${limit}`]), ...(offset === 0 ? [] : [`OFFSET ${offset}`])];
  return { sql: parts.join("\n"), parameters };
}
