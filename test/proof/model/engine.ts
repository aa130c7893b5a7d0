import { createHash } from "node:crypto";
import { LockkeeperError } from "../../../src/errors/lockkeeper-error.ts";
import type { ParquetSource } from "../../../src/model/artifact.ts";
import type { EngineStream, QueryRows } from "../../../src/model/query.ts";
import type { ReleaseTable } from "../../../src/model/release-record.ts";
import type { OpenDatabase, OpenRequest, ReaderEngine } from "../../../src/reader/engine.ts";
import type { OpenSqlite } from "../../../src/reader/sqlite.ts";
import type { Inspection, ReleaseEngine, SqliteTools } from "../../../src/release/engine.ts";
import type { BuildSource } from "../../../src/release/store.ts";
import type { ModelFile } from "./files.ts";
import type { ModelProcess } from "./machine.ts";
import { perContent } from "./per-content.ts";

interface Header {
  readonly tag: string;
  readonly bytes: number;
}

/** The bytes of a modelled database: a header that an engine looks at when it opens the file, and pages that it does not. */
export function databaseBytes(tag: string): Buffer {
  const pages = Buffer.from(createHash("sha256").update(tag).digest("hex"));
  const header = (bytes: number) => `${JSON.stringify({ tag, bytes })}\n`;
  const bytes = header(1000).length + pages.length;
  return Buffer.concat([Buffer.from(header(bytes).padStart(bytes - pages.length)), pages]);
}

/** The tag of a database whose every page belongs to it; `undefined` for anything else. */
export const wholeTag = perContent((content) => {
  try {
    const { tag } = readHeader(content, "");
    return content.equals(databaseBytes(tag)) ? tag : undefined;
  } catch {
    return undefined;
  }
});

/** A build that writes a database with a tag, as an engine does: the file in the cache, its folder entry not fsynced. `others`: files that it writes besides, by their paths in the build's folder. */
export function taggedBuild(process: ModelProcess, tag: string, others: Readonly<Record<string, string>> = {}): BuildSource {
  return {
    kind: "function",
    async build({ path, dir }) {
      const wanted = [[path, tag], ...Object.entries(others).map(([name, content]) => [`${dir}/${name}`, content])];
      for (const [target = "", content = ""] of wanted) {
        const file = await process.platform.files.open(target, "create");
        await file.write(databaseBytes(content), 0);
        await file.close();
      }
    },
  };
}

/** An engine for modelled databases. It opens, lists and digests files of the process's disk, as the real one does with its own format. */
export function modelEngine(process: ModelProcess): ReleaseEngine & ReaderEngine {
  const { files } = process.platform;
  const read = async (path: string): Promise<Buffer> => {
    const file = await files.open(path, "read").catch((error: unknown) => {
      throw new LockkeeperError("FILE_MISSING", `no ${path}`, { cause: error });
    });
    try {
      return await file.read(0, 1 << 20);
    } finally {
      await file.close();
    }
  };
  return {
    async checkpoint(path) {
      await files.removeFile(`${path}.wal`);
    },
    // A modelled database has no views.
    views: () => Promise.resolve([]),
    changeViews: () => Promise.resolve(),
    isOneRowOfNulls: () => Promise.resolve(false),
    writeEmptyParquet: noExport,
    async inspect(path = "", _name, parquet = []) {
      for (const file of parquet.flatMap(({ files: paths }) => paths)) readHeader(await read(file), file);
      return inspection(readHeader(await read(path), path), parquet);
    },
    async assertParquetEnds(paths) {
      for (const path of paths) readHeader(await read(path), path);
    },
    async parquetFooters(paths) {
      const footers = [];
      for (const path of paths) footers.push({ path, rows: readHeader(await read(path), path).tag.length, columns: [] });
      return footers;
    },
    async digest(paths) {
      const digests = [];
      for (const path of paths) {
        const content = await read(path);
        digests.push({ path, bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") });
      }
      return digests;
    },
    copy: (source, target) => files.copy(source, target),
    sqlCommand: () => {
      throw new LockkeeperError("FEATURE_MISSING", "a modelled database has no SQL");
    },
    isOpenHere: () => false,
    closeWhenUnused: (file) => file.close(),
    open: (request) => openDatabase(process, request),
    prepareSpare: () => Promise.resolve(),
    dropSpare: () => {},
  };
}

async function openDatabase(process: ModelProcess, request: OpenRequest): Promise<OpenDatabase> {
  const { files, locks } = process.platform;
  const file = await files.open(request.path, "read").catch((error: unknown) => {
    throw new LockkeeperError("FILE_MISSING", `no ${request.path}`, { cause: error });
  });
  if (!locks.tryLock(file, "shared")) {
    await file.close();
    throw new LockkeeperError("FILE_LOCKED", `${request.path} is locked`);
  }
  const { node } = file as ModelFile;
  readHeader(node.content, request.path);
  const columns = [{ name: "tag", type: "VARCHAR" }];
  const read = async (): Promise<string[][]> => {
    await process.step("query", request.path);
    return [[wholeTag(node.content) ?? "torn"]];
  };
  return {
    file: { device: 1n, inode: node.inode },
    inFlight: 0,
    async query() {
      const rows = await read();
      return { columns, rows, objects: () => rows.map(([tag]) => ({ tag })) };
    },
    stream: async () => modelStream(await read()),
    exportParquet: noExport,
    interrupt: () => {},
    close: () => file.close(),
  };
}

/** A modelled database has no rows that a file could hold. */
export function noExport(): Promise<never> {
  return Promise.reject(new LockkeeperError("FEATURE_MISSING", "a modelled database writes no files"));
}

/** A modelled answer as a stream of one batch. */
export function modelStream(rows: readonly (readonly string[])[]): EngineStream {
  const batches = async function* (): AsyncGenerator<typeof rows, undefined> {
    yield await Promise.resolve(rows);
    return undefined;
  };
  return {
    columns: [{ name: "tag", type: "VARCHAR" }],
    ended: Promise.resolve(),
    [Symbol.asyncIterator]: batches,
    close: () => Promise.resolve(),
  };
}

function readHeader(content: Buffer, path: string): Header {
  try {
    const header = JSON.parse(content.subarray(0, content.indexOf(0x0a)).toString()) as Header;
    if (header.bytes === content.length) return header;
  } catch {
    // Told below.
  }
  throw new LockkeeperError("DATABASE_CORRUPT", `${path} is no database`, { subject: path });
}

function inspection({ tag }: Header, parquet: readonly ParquetSource[]): Inspection {
  const others = parquet.map(({ schema, name, files, hive }): ReleaseTable => {
    return { schema, name, kind: "table", rows: 1, columns: [], parquet: { path: "", files: files.length, hive: [...hive] } };
  });
  const table: ReleaseTable = { schema: "main", name: "t", kind: "table", rows: tag.length, columns: [] };
  const rows: QueryRows = { columns: [], rows: [], objects: () => [] };
  return {
    storageVersion: "v1.5.0",
    tables: [table, ...others],
    brokenViews: [],
    unportableViews: [],
    identifier: (name) => name,
    literal: (text) => text,
    query: () => Promise.resolve(rows),
    close: () => Promise.resolve(),
  };
}

const noSqliteHere = (): Promise<never> =>
  Promise.reject(new LockkeeperError("FEATURE_MISSING", "modelled machines have no SQLite"));

/** Modelled databases are DuckDB's alone. */
export const noSqlite: SqliteTools & { readonly open: OpenSqlite } = {
  assertInstalled: () => {
    throw new LockkeeperError("FEATURE_MISSING", "modelled machines have no SQLite");
  },
  seal: noSqliteHere,
  copy: noSqliteHere,
  open: noSqliteHere,
};
