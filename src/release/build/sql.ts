import { join, relative, resolve, sep } from "node:path";
import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { sha256Hex } from "../../model/manifest.ts";
import { ioError } from "../../platform/io-error.ts";
import type { Platform } from "../../platform/port.ts";
import type { BuildSource } from "../store.ts";

/** A larger file is refused: SQL is no place for data. Bytes. */
const fileBytesMax = 16 * 1024 * 1024;
const bytesMax = 4 * fileBytesMax;
const filesMax = 1_000;

/** A file of SQL statements, as it was read when the build began. */
export interface SqlFile {
  /** Relative to the folder that the build runs in, with `/`; for messages and the record. */
  readonly path: string;
  readonly sha256: string;
  readonly text: string;
}

/**
 * The files of a SQL build, in the order in which they run: one file, or those of a folder whose names end in `.sql`, by name (`10.sql` before `9.sql`). Throws
 * `FILE_MISSING`, `PERMISSION_DENIED`, and `USAGE` where there is none, or one that cannot be read as text.
 */
export async function readSqlFiles(
  { files }: Pick<Platform, "files">,
  source: Extract<BuildSource, { kind: "sql" }>,
): Promise<SqlFile[]> {
  const root = resolve(source.folder, source.path);
  const target = await files.resolve(root);
  const stat = target === undefined ? undefined : await files.stat(target);
  if (stat === undefined) {
    throw new LockkeeperError("FILE_MISSING", `${root} does not exist`, {
      hint: "Name a folder of .sql files, or one such file.",
      subject: root,
    });
  }
  if (stat.kind === "file") return [await readSqlFile({ files }, root, source.folder)];
  const names = (await files.list(root)).filter((name) => name.endsWith(".sql") && !name.startsWith("."));
  if (names.length === 0) throw refused(root, "holds no file whose name ends in .sql");
  if (names.length > filesMax) throw refused(root, `holds ${names.length} SQL files; at most ${filesMax} are run`);
  const read: SqlFile[] = [];
  let bytes = 0;
  for (const name of names) {
    const file = await readSqlFile({ files }, join(root, name), source.folder);
    bytes += file.text.length;
    if (bytes > bytesMax) throw refused(root, `holds more than ${bytesMax} bytes of SQL`);
    read.push(file);
  }
  return read;
}

async function readSqlFile({ files }: Pick<Platform, "files">, path: string, folder: string): Promise<SqlFile> {
  let bytes: Buffer | undefined;
  try {
    bytes = files.readNow((await files.resolve(path)) ?? path, fileBytesMax)?.bytes;
  } catch (error) {
    throw ioError(error, "read", path);
  }
  if (!bytes) throw refused(path, `is not a regular file of ${fileBytesMax} bytes at most`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { path: relative(folder, path).split(sep).join("/"), sha256: sha256Hex(bytes), text };
  } catch {
    throw refused(path, "is not text in UTF-8");
  }
}

function refused(path: string, why: string): LockkeeperError {
  return new LockkeeperError("USAGE", `${path} ${why}`, {
    hint: "Put the statements of the build there; docs/builds.md says how.",
    subject: path,
  });
}
