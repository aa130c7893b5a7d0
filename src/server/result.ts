import type { QueryColumn, QueryParameters } from "../model/query.ts";
import type { Format } from "../model/http.ts";
import { nodePlatform } from "../platform/node.ts";
import { makePrivateFolder, removePrivateFolder } from "../platform/private-folder.ts";
import { csv } from "../reader/formats/csv.ts";
import { json } from "../reader/formats/json.ts";
import { ndjson } from "../reader/formats/ndjson.ts";
import { answerData, type DataAnswer, type ServedRelease, type StreamedAnswer } from "./answer.ts";
import type { CachedAnswer } from "./cache.ts";
import type { ServerContext } from "./context.ts";
import { mediaTypes } from "./negotiate.ts";
import type { Reply } from "./reply.ts";
import type { RequestContext } from "./route.ts";

/** One statement, ready to be run. */
export interface PreparedStatement {
  readonly sql: string;
  readonly parameters: QueryParameters;
}

/** How a result is written. */
export interface ResultForm {
  readonly format: Format;
  /** Of JSON: rows as arrays or as objects. */
  readonly shape: "rows" | "objects";
  /** Of CSV: whether formulas are guarded. */
  readonly guard: boolean;
}

/** The result of a statement as an answer. */
export interface ResultAnswer extends Pick<DataAnswer, "store" | "release" | "assertRelease" | "admission"> {
  /** Everything but release and form that the answer depends on. */
  readonly identity: string;
  readonly form: ResultForm;
  /** What is run, once the release is known. */
  readonly prepare: (release: ServedRelease, signal: AbortSignal) => Promise<PreparedStatement>;
  /** Of JSON: rows beyond this are an error, `LIMIT_ROWS`. */
  readonly rowsMax: number;
  /** Of JSON: which of the rows are told, and the token of the page after them. */
  readonly finish?:
    | ((rows: Rows, release: ServedRelease) => { readonly rows: Rows; readonly next?: string | undefined })
    | undefined;
}

type Rows = readonly (readonly unknown[])[];

/** Bytes that are read from a file at a time. */
const pieceBytes = 256 * 1024;

/** Answers with a statement's result in the form that was asked for: JSON whole, so that it can be kept; the other formats as they are made. */
export function answerResult(context: ServerContext, request: RequestContext, answer: ResultAnswer): Promise<Reply> {
  const { store, release, assertRelease, admission, form } = answer;
  return answerData(context, request, {
    store,
    release,
    assertRelease,
    admission,
    identity: identityOf(answer),
    make:
      form.format === "json"
        ? { whole: (served, signal) => wholeResult(context, answer, { release: served, signal }) }
        : { streamed: (served, signal) => streamedResult(answer, { release: served, signal }) },
  });
}

/** The key of an answer in one spelling. */
export function identityOf({ identity, form }: Pick<ResultAnswer, "identity" | "form">): string {
  const detail = { json: form.shape, csv: form.guard ? "guarded" : "", ndjson: "", parquet: "" }[form.format];
  return `${form.format} ${detail} ${identity}`;
}

interface Making {
  readonly release: ServedRelease;
  readonly signal: AbortSignal;
}

/** The JSON document of a result. */
export async function wholeResult(
  { limits }: Pick<ServerContext, "limits">,
  { prepare, form, rowsMax, finish }: Pick<ResultAnswer, "prepare" | "form" | "rowsMax" | "finish">,
  { release, signal }: Making,
): Promise<CachedAnswer> {
  const { sql, parameters } = await prepare(release, signal);
  const result = await release.query(sql, parameters, { signal, rowsMax, bytesMax: limits.bytesMax, values: "exact" });
  const told = finish?.(result.rows, release) ?? { rows: result.rows };
  const text = json.encode(inOneBatch(result.columns, told.rows), {
    shape: form.shape,
    lastMembers: () => ({ release: release.release, version: release.version, next: told.next }),
  });
  const parts: Buffer[] = [];
  for await (const piece of text) parts.push(Buffer.from(piece));
  return { bytes: Buffer.concat(parts), headers: { "Content-Type": mediaTypes.json[0] } };
}

function inOneBatch(columns: readonly QueryColumn[], rows: Rows) {
  return {
    columns,
    async *[Symbol.asyncIterator]() {
      yield rows;
    },
  };
}

async function streamedResult({ prepare, form }: ResultAnswer, { release, signal }: Making): Promise<StreamedAnswer> {
  const { sql, parameters } = await prepare(release, signal);
  if (form.format === "parquet") return parquetFile(release, { sql, parameters }, signal);
  const rows = await release.stream(sql, parameters, { signal, values: "exact" });
  const text = form.format === "csv" ? csv.encode(rows, { guardFormulas: form.guard }) : ndjson.encode(rows);
  const type = form.format === "csv" ? csv.contentType : ndjson.contentType;
  return { stream: inBytes(text), headers: { "Content-Type": type } };
}

async function* inBytes(text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of text) yield Buffer.from(piece);
}

/** Written to a file of our own first: Parquet has its end at the end, and the length is then known. */
async function parquetFile(
  release: ServedRelease,
  { sql, parameters }: PreparedStatement,
  signal: AbortSignal,
): Promise<StreamedAnswer> {
  const folder = await makePrivateFolder();
  try {
    const { path, bytes } = await release.exportParquet(sql, parameters, { folder, signal });
    return {
      stream: contentOf(path, folder),
      headers: { "Content-Type": mediaTypes.parquet[0], "Content-Length": String(bytes) },
    };
  } catch (error) {
    await removePrivateFolder(folder);
    throw error;
  }
}

async function* contentOf(path: string, folder: string): AsyncGenerator<Uint8Array, void> {
  try {
    const file = await nodePlatform().files.open(path, "read");
    try {
      for (let position = 0; ;) {
        const piece = await file.read(position, pieceBytes);
        if (piece.byteLength === 0) return;
        position += piece.byteLength;
        yield piece;
      }
    } finally {
      await file.close();
    }
  } finally {
    await removePrivateFolder(folder);
  }
}
