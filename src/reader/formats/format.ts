import type { QueryColumn } from "../../model/query.ts";

/** What a format takes: rows in the value form `exact`. A `ReaderStream` is one. */
export interface RowSource {
  readonly columns: readonly QueryColumn[];
  [Symbol.asyncIterator](): AsyncIterator<readonly (readonly unknown[])[], unknown>;
}

/** A text format for rows. */
export interface TextFormat<Options> {
  /** For a `Content-Type` header. */
  readonly contentType: string;
  /** Without the dot. */
  readonly fileExtension: string;
  /**
   * The text in pieces of about 64 KiB, more where one row is longer; no more of the rows is in memory than one batch and one piece. Throws what the rows throw: a
   * text that was cut off is never ended as a whole one is. Whoever stops early closes the source.
   */
  encode(source: RowSource, options?: Options): AsyncGenerator<string, void>;
}

/** UTF-16 units of a piece: large enough that few calls carry a big result, small enough to be copied without a pause. */
const pieceLength = 65_536;

/** Pieces of `head`, the text of each row, and `tail`, which is asked for at the end. */
export async function* pieces(
  source: RowSource,
  text: {
    readonly head?: string;
    readonly row: (row: readonly unknown[], index: number) => string;
    readonly tail?: () => string;
  },
): AsyncGenerator<string, void> {
  let piece = text.head ?? "";
  let index = 0;
  for await (const batch of source) {
    for (const row of batch) {
      piece += text.row(row, index);
      index += 1;
      if (piece.length < pieceLength) continue;
      yield piece;
      piece = "";
    }
  }
  piece += text.tail?.() ?? "";
  if (piece !== "") yield piece;
}
