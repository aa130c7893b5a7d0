import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import type { SqliteDatabase } from "../model/sqlite.ts";
import { answer, answerInBatches } from "./answer.ts";
import type { Generation } from "./generation.ts";
import type { ReleaseTarget } from "./locate.ts";
import type { ReaderSettings } from "./options.ts";
import type { BorrowedRelease, ReaderStream, ReleaseIdentity } from "./reader.ts";

/** Which release a generation is of. */
export function identityOf({ release, version, uid, active, lastUpdated }: ReleaseTarget): ReleaseIdentity<number | undefined> {
  return { release, version, uid, active, lastUpdated };
}

/** What a borrower gets of a generation that is held for it. After `end` it refuses everything, and its streams are closed. */
export function lendRelease(
  generation: Generation,
  settings: ReaderSettings,
): { readonly release: BorrowedRelease<number | undefined>; end(): Promise<void> } {
  const { release, version, uid, active, lastUpdated } = generation.target;
  const streams = new Set<ReaderStream<number | undefined>>();
  let over = false;
  const assertBorrowed = (): void => {
    if (!over) return;
    throw new LockkeeperError("READER_CLOSED", `release ${release} was used after its borrow had ended`, {
      hint: "Await every query and read every stream inside the function given to borrow().",
      subject: release,
    });
  };
  const query: BorrowedRelease<number | undefined>["query"] = async (sql, parameters, options = {}) => {
    assertBorrowed();
    return answer(generation, settings, { sql, parameters, options });
  };
  const stream: BorrowedRelease<number | undefined>["stream"] = async (sql, parameters, options = {}) => {
    assertBorrowed();
    const opened = await answerInBatches(generation, settings, { sql, parameters, options });
    if (over) await opened.stream.close();
    assertBorrowed();
    streams.add(opened.stream);
    void opened.ended.then(() => streams.delete(opened.stream));
    return opened.stream;
  };
  const exportParquet: BorrowedRelease["exportParquet"] = async (sql, parameters, options) => {
    assertBorrowed();
    const { folder, signal, rowsMax } = options;
    // What is written needs no memory for its rows, so only the caller bounds them.
    return generation.exportParquet(sql, parameters, { folder, signal, timeMaxMs: settings.timeMaxMs, rowsMax });
  };
  const sqlite = async <Database extends SqliteDatabase>(name: string): Promise<Database> => {
    assertBorrowed();
    const database = await generation.sqlite(name);
    assertBorrowed();
    // The caller knows the package's own types.
    return database as Database;
  };
  return {
    release: Object.freeze({ release, version, uid, active, lastUpdated, query, stream, exportParquet, sqlite }),
    async end() {
      over = true;
      if (streams.size > 0) await Promise.all([...streams].map((each) => each.close()));
    },
  };
}
