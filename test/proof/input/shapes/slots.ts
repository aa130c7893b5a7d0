import { copyFileSync, linkSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { clear, put, putBytes, putFifo, putFolder, putLink, putSocket } from "../support/place.ts";
import { startWriter } from "../support/writer.ts";
import { damaged, strange, type SlotPlace, type SlotShape } from "./slot-shape.ts";

/** Where the two copies of the database header lie, behind the main header: 4 KiB each, with a checksum in the first 8 bytes. */
const headerBytes = 4096;

/** The engine's checksum of a header block, as 1.5.6 computes it (`Checksum` in its sources). */
function checksumOf(block: Buffer): bigint {
  let sum = 5381n;
  for (let at = 8; at + 8 <= headerBytes; at += 8) sum ^= BigInt.asUintN(64, block.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  return sum;
}

/** FACTS 2.8: what a DuckDB of another line would write. */
function withStorageVersion(bytes: Buffer, main: bigint, inner: bigint): Buffer {
  const forged = Buffer.from(bytes);
  forged.writeBigUInt64LE(main, 12);
  for (const start of [0, headerBytes, 2 * headerBytes]) {
    if (start > 0) forged.writeBigUInt64LE(inner, start + 0x38);
    forged.writeBigUInt64LE(checksumOf(forged.subarray(start, start + headerBytes)), start);
  }
  return forged;
}

function flipped(bytes: Buffer, ...places: readonly number[]): Buffer {
  const changed = Buffer.from(bytes);
  for (const at of places) changed[at] = (changed[at] ?? 0) ^ 0x10;
  return changed;
}

const changed =
  (change: (bytes: Buffer) => string | Uint8Array) =>
  ({ path, bytes }: SlotPlace): void =>
    putBytes(path, change(bytes));

async function runIn(path: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement.replaceAll("$path", path));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A database that DuckDB itself writes there. */
const written =
  (...statements: readonly string[]) =>
  async ({ path }: SlotPlace): Promise<void> => {
    await runIn(`${path}.new`, ...statements);
    renameSync(`${path}.new`, path);
  };

const ofSize =
  (start: string) =>
  (bytes: Buffer): Buffer => {
    const whole = Buffer.alloc(bytes.length);
    whole.write(start, "latin1");
    return whole;
  };

/** Regular files that are not what was published. */
export const damagedFiles: readonly SlotShape[] = [
  {
    ...damaged("missing", { lay: ({ path }) => clear(path), own: "FILE_MISSING", foreign: "FILE_MISSING", says: "there is no" }),
  },
  damaged("zero bytes", { lay: changed(() => ""), says: "has 0 bytes" }),
  damaged("text", { lay: changed(() => "name,rows\n".repeat(5000)), says: "has 50000 bytes" }),
  damaged("cut off behind the main header", { lay: changed((bytes) => bytes.subarray(0, headerBytes)), says: "has 4096 bytes" }),
  damaged("cut off in the middle", {
    lay: changed((bytes) => bytes.subarray(0, bytes.length / 2)),
    says: " bytes; the record of",
  }),
  damaged("one byte short", {
    lay: changed((bytes) => bytes.subarray(0, -1)),
    foreign: undefined,
    says: " bytes; the record of",
  }),
  damaged("one byte longer", {
    lay: changed((bytes) => Buffer.concat([bytes, Buffer.from("x")])),
    foreign: undefined,
    says: " bytes; the record of",
  }),
  damaged("a megabyte longer", {
    lay: changed((bytes) => Buffer.concat([bytes, Buffer.alloc(1 << 20)])),
    foreign: undefined,
    says: " bytes; the record of",
  }),
  damaged("a sparse file of 1 TB", {
    lay: ({ path }) =>
      put(path, (made) => {
        writeFileSync(made, "");
        truncateSync(made, 2 ** 40);
      }),
    says: "has 1099511627776 bytes",
    publishBeside: "DISK_FULL",
  }),
  damaged("zeros of its size", { lay: changed(ofSize("")), own: "DATABASE_CORRUPT", says: "cannot open" }),
  damaged("a SQLite file of its size", {
    lay: changed(ofSize("SQLite format 3\0")),
    own: "DATABASE_CORRUPT",
    says: "cannot open",
  }),
  damaged("a Parquet file", { lay: written("COPY (FROM range(9)) TO '$path' (FORMAT parquet)"), says: " bytes; the record of" }),
  damaged("a flipped bit in the main header", {
    lay: changed((bytes) => flipped(bytes, 100)),
    own: "DATABASE_CORRUPT",
    says: "cannot open",
  }),
  damaged("flipped bits in both database headers", {
    lay: changed((bytes) => flipped(bytes, headerBytes + 20, 2 * headerBytes + 20)),
    own: "DATABASE_CORRUPT",
    says: "cannot open",
  }),
  // FACTS 2.9: nothing looks at a data block before a query reads it, so readers open it; `check` and rollback do look.
  damaged("a flipped bit in a data block", {
    lay: changed((bytes) => flipped(bytes, 3 * headerBytes + 262_144 + 20)),
    own: "done",
    foreign: "done",
    says: "",
    check: "found",
  }),
  damaged("of DuckDB 2.0", {
    lay: changed((bytes) => withStorageVersion(bytes, 999n, 69n)),
    own: "STORAGE_UNSUPPORTED",
    foreign: "STORAGE_UNSUPPORTED",
    says: "has storage version 69 (v2.0.0)",
  }),
  damaged("of a DuckDB before 1.0", {
    lay: changed((bytes) => withStorageVersion(bytes, 51n, 51n)),
    own: "STORAGE_UNSUPPORTED",
    foreign: "STORAGE_UNSUPPORTED",
    says: "has storage version 51",
  }),
  damaged("encrypted", {
    lay: written(
      // The engine's own cipher writes for tests only.
      "SET force_mbedtls_unsafe = true",
      "ATTACH '$path' AS sealed (ENCRYPTION_KEY 'a key of thirty-two characters')",
      "CREATE TABLE sealed.t AS SELECT random() FROM range(300000)",
      "DETACH sealed",
    ),
    foreign: "STORAGE_UNSUPPORTED",
    says: " bytes; the record of",
  }),
  damaged("another database", {
    lay: written("ATTACH '$path' AS other", "CREATE TABLE other.t AS SELECT random() FROM range(300000)", "DETACH other"),
    foreign: undefined,
    says: " bytes; the record of",
  }),
];

/** What lies in a slot's place is no regular file. */
export const strangeFiles: readonly SlotShape[] = [
  strange("a folder", { lay: ({ path }) => putFolder(path), says: "not a regular file" }),
  strange("a FIFO", { lay: ({ path }) => putFifo(path), says: "not a regular file" }),
  strange("a socket", { lay: ({ path }) => putSocket(path), says: "not a regular file" }),
  strange("a link out of the folder", {
    lay({ folder, path }) {
      copyFileSync(path, join(dirname(folder), "out.duckdb"));
      putLink(path, "../out.duckdb");
    },
    says: "a link that leaves the folder or leads nowhere",
  }),
  strange("a link to itself", { lay: ({ path }) => putLink(path, basename(path)), says: "a link that " }),
  strange("a link to nowhere", {
    lay: ({ path }) => putLink(path, "nowhere.duckdb"),
    says: "a link that leaves the folder or leads nowhere",
  }),
  strange("a link to a device", {
    lay: ({ path }) => putLink(path, "/dev/zero"),
    says: "a link that leaves the folder or leads nowhere",
  }),
];

const beside =
  (lay: (log: string) => void) =>
  ({ path }: SlotPlace): void =>
    lay(`${path}.wal`);

const logged = {
  own: "CHECKSUM_MISMATCH",
  foreign: undefined,
  publish: "done",
  rollback: "RELEASE_UNKNOWN",
  says: ".wal would be replayed",
} as const;

/** What lies beside a slot, or who is in it. */
export const surroundings: readonly SlotShape[] = [
  { name: "a foreign write-ahead log beside it", lay: beside((log) => putBytes(log, Buffer.alloc(4096, 7))), ...logged },
  { name: "a write-ahead log that is a folder", lay: beside(putFolder), ...logged },
  { name: "a write-ahead log that is a link to nowhere", lay: beside((log) => putLink(log, "nowhere")), ...logged },
  {
    name: "an empty write-ahead log",
    lay: beside((log) => putBytes(log, "")),
    ...logged,
    own: "done",
    foreign: "done",
    says: "",
  },
  {
    name: "a file of equal bytes and another inode",
    lay: ({ path, bytes }) => putBytes(path, bytes),
    own: "done",
    foreign: "done",
    says: "",
    publish: "done",
    rollback: "done",
  },
  {
    name: "a link to its bytes in the folder",
    lay({ folder, path }) {
      copyFileSync(path, join(folder, "inside.duckdb"));
      put(path, (made) => symlinkSync("inside.duckdb", made));
    },
    own: "done",
    foreign: "done",
    says: "",
    publish: "SLOT_UNKNOWN",
    rollback: "RELEASE_UNKNOWN",
  },
  damaged("both slots one inode", {
    lay: ({ path, other }) => put(path, (made) => linkSync(other, made)),
    foreign: undefined,
    says: " bytes; the record of",
  }),
  {
    name: "locked by a writer of another process",
    lay: ({ path }) => startWriter(path),
    own: "FILE_LOCKED",
    foreign: "FILE_LOCKED",
    says: "",
    publish: "SLOT_BUSY",
    rollback: "SLOT_BUSY",
  },
];

/** Everything that is laid in the place of a data file. */
export const slotShapes: readonly SlotShape[] = [...damagedFiles, ...strangeFiles, ...surroundings];
