import { join, posix } from "node:path";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { didYouMean } from "../model/nearest.ts";
import type { ReleaseRecord } from "../model/release-record.ts";
import type { SqliteDatabase } from "../model/sqlite.ts";

/** A SQLite file of a release. */
export interface SqliteFile {
  /** The path of its artifact, with `/`: `labels.db`. Its file name without the ending, `labels`, names it too where no other has that. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** Opens a SQLite file read-only. Throws `FEATURE_MISSING`, `FILE_MISSING`, `DATABASE_CORRUPT`, `PERMISSION_DENIED`, `FILE_LOCKED`. */
export type OpenSqlite = (path: string) => Promise<SqliteDatabase>;

/** The SQLite files of a release; `folder` is the release's own. */
export function sqliteFiles({ artifacts = [] }: Pick<ReleaseRecord, "artifacts">, folder: string): readonly SqliteFile[] {
  return artifacts.flatMap((artifact) =>
    artifact.kind === "sqlite" ? [{ name: artifact.path, path: join(folder, artifact.path) }] : [],
  );
}

/**
 * The SQLite databases of one generation: each is opened at its first use, once, and shared by all who hold the generation.
 */
export class SqliteHandles {
  readonly #release: string;
  readonly #files: readonly SqliteFile[];
  readonly #openFile: OpenSqlite;
  readonly #open = new Map<string, Promise<SqliteDatabase>>();
  #closed = false;

  constructor(release: string, files: readonly SqliteFile[], openFile: OpenSqlite) {
    this.#release = release;
    this.#files = files;
    this.#openFile = openFile;
  }

  /** The database of that name; opened again where a caller has closed it. Throws `FILE_MISSING` for a name that the release does not have, and what `OpenSqlite` throws. */
  async get(name: string): Promise<SqliteDatabase> {
    const { path } = this.#file(name);
    for (;;) {
      let opening = this.#open.get(path);
      if (opening === undefined) {
        opening = this.#openFile(path);
        this.#open.set(path, opening);
      }
      try {
        const database = await opening;
        if (this.#closed) {
          database.close();
          throw this.#gone();
        }
        if (database.open) return database;
        this.#forget(path, opening);
      } catch (error) {
        this.#forget(path, opening);
        throw error;
      }
    }
  }

  /** Closes what is open, and what is just being opened once it is. Throws what the package throws for a database in the middle of an iteration; the others are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = [...this.#open.values()];
    this.#open.clear();
    const closing = await Promise.allSettled(opened.map(async (opening) => (await opening.catch(() => undefined))?.close()));
    const failed = closing.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #forget(path: string, opening: Promise<SqliteDatabase>): void {
    if (this.#open.get(path) === opening) this.#open.delete(path);
  }

  #file(name: string): SqliteFile {
    const stems = this.#files.filter((file) => posix.parse(file.name).name === name);
    const file = this.#files.find((each) => each.name === name) ?? (stems.length === 1 ? stems[0] : undefined);
    if (file !== undefined) return file;
    const names = this.#files.map((each) => each.name);
    const shown = JSON.stringify(name);
    const message =
      stems.length > 1
        ? `release ${this.#release} has several SQLite files called ${shown}`
        : `release ${this.#release} has no SQLite file ${shown}${didYouMean(name, names)}`;
    throw new LockkeeperError("FILE_MISSING", message, {
      hint: names.length === 0 ? "It has no SQLite file at all: see `artifacts` of the store." : `It has ${names.join(", ")}.`,
      subject: name,
    });
  }

  #gone(): LockkeeperError {
    return new LockkeeperError("INTERRUPTED", `release ${this.#release} was closed while its SQLite file was being opened`, {
      hint: "Ask again: the answer comes from the new release.",
      subject: this.#release,
    });
  }
}
