import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, test } from "vitest";
import { engineError, isFatal } from "../../../src/engine/duckdb/errors.ts";
import { lockErrorOf } from "../../../src/engine/duckdb/lock-error.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { distUrl, startScript } from "../../support/child.ts";
import { engine, errorOf, openFile, sampleFile, valueOf } from "./support.ts";

/** Where the two copies of the database header lie, behind the main header: 4 KiB each, with a checksum in the first 8 bytes. */
const headerBytes = 4096;

/** The engine's checksum of a header block, as 1.5.6 computes it (`Checksum` in its sources). */
function checksumOf(block: Buffer): bigint {
  let sum = 5381n;
  for (let at = 8; at + 8 <= headerBytes; at += 8) sum ^= BigInt.asUintN(64, block.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  return sum;
}

/** A file that says what a DuckDB of another line would write: `main` at byte 12, `inner` in both database headers. */
async function withStorageVersion(main: bigint, inner: bigint): Promise<string> {
  const path = await sampleFile(10);
  const bytes = readFileSync(path);
  expect(checksumOf(bytes.subarray(0, headerBytes))).toBe(bytes.readBigUInt64LE(0));
  bytes.writeBigUInt64LE(main, 12);
  for (const start of [0, headerBytes, 2 * headerBytes]) {
    if (start > 0) bytes.writeBigUInt64LE(inner, start + 0x38);
    bytes.writeBigUInt64LE(checksumOf(bytes.subarray(start, start + headerBytes)), start);
  }
  writeFileSync(path, bytes);
  return path;
}

test("FACTS 2.8: a file of DuckDB 2.0 is STORAGE_UNSUPPORTED, naming the version and the cure", async () => {
  const path = await withStorageVersion(999n, 69n);
  for (const attempt of [() => openFile(path), () => engine.inspect(path, "DB"), () => engine.checkpoint(path)]) {
    const error = await errorOf(attempt());
    expect(error).toMatchObject({ code: "STORAGE_UNSUPPORTED", exit: 14, subject: path });
    expect(error.message).toContain("storage version 69 (v2.0.0)");
    expect(error.message).toContain("64 to 68 (v1.5.0)");
    expect(error.hint).toContain("storage_compatibility_version = 'v1.5.0'");
  }
});

test("FACTS 2.8: a file of before 1.0 is STORAGE_UNSUPPORTED, and the cure is another", async () => {
  const error = await errorOf(openFile(await withStorageVersion(51n, 51n)));
  expect(error).toMatchObject({ code: "STORAGE_UNSUPPORTED", message: expect.stringContaining("version 51;") });
  expect(error.hint).toContain("EXPORT DATABASE");
});

test("an encrypted file is STORAGE_UNSUPPORTED: nothing here has its key", async () => {
  const path = join(temporaryFolder(), "sealed.duckdb");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  // The engine's own cipher writes for tests only.
  await connection.run("SET force_mbedtls_unsafe = true");
  await connection.run(
    `ATTACH '${path}' AS sealed (ENCRYPTION_KEY 'a key'); CREATE TABLE sealed.t AS FROM range(9); DETACH sealed`,
  );
  connection.closeSync();
  instance.closeSync();
  expect(await errorOf(openFile(path))).toMatchObject({
    code: "STORAGE_UNSUPPORTED",
    subject: path,
    message: `${path} is encrypted`,
  });
});

const damages: readonly (readonly [label: string, damage: (bytes: Buffer) => Buffer])[] = [
  ["an empty file", () => Buffer.alloc(0)],
  ["five bytes", () => Buffer.from("hello")],
  ["text", () => Buffer.from("name,rows\n".repeat(5000))],
  ["a SQLite file", () => Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8192)])],
  ["half of the file", (bytes) => bytes.subarray(0, bytes.length / 2)],
  ["the first header only", (bytes) => bytes.subarray(0, 4096)],
  ["a flipped bit in the main header", (bytes) => flipped(bytes, 100)],
  ["flipped bits in both database headers", (bytes) => flipped(flipped(bytes, 4096 + 20), 8192 + 20)],
];

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}

test.each(damages)("FACTS 2.9: %s is DATABASE_CORRUPT at open", async (_, damage) => {
  const path = await sampleFile(100_000);
  writeFileSync(path, damage(readFileSync(path)));
  const error = await errorOf(openFile(path));
  expect(error).toMatchObject({ code: "DATABASE_CORRUPT", exit: 13, subject: path });
  expect(error.message).not.toContain("\n");
});

test("FACTS 2.9: a flipped data block passes open and count(*), and is DATABASE_CORRUPT once its column is read", async () => {
  const path = await sampleFile(200_000);
  writeFileSync(path, flipped(readFileSync(path), 12_288 + 5000));
  const database = await openFile(path);
  expect(await valueOf(database, "SELECT count(*) FROM t")).toBe("200000");
  expect(await errorOf(database.query("SELECT sum(n) FROM t", undefined, {}))).toMatchObject({ code: "DATABASE_CORRUPT" });
});

test("a missing file, a folder and a reserved name each have their own error", async () => {
  const folder = temporaryFolder();
  expect(await errorOf(openFile(join(folder, "none.duckdb")))).toMatchObject({ code: "FILE_MISSING", exit: 10 });
  mkdirSync(join(folder, "folder.duckdb"));
  expect(await errorOf(openFile(join(folder, "folder.duckdb")))).toMatchObject({
    code: "DATABASE_CORRUPT",
    message: expect.stringContaining("folder"),
  });
  const path = await sampleFile();
  for (const name of ["main", "memory", "temp", "SYSTEM", ""]) {
    const error = await errorOf(openFile(path, { names: [name] }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(`as "${name}"`) });
  }
  expect(await errorOf(openFile(path, { settings: { no_such_setting: "1" } }))).toMatchObject({ code: "CONFIG_INVALID" });
  await openFile(path);
});

test.skipIf(process.getuid?.() !== 0)("a file that this user may not read is PERMISSION_DENIED", async () => {
  const path = await sampleFile();
  chmodSync(path, 0);
  chmodSync(dirname(path), 0o755);
  const child = startScript(`
    import { duckdbEngine } from ${JSON.stringify(distUrl("engine/duckdb/engine.js"))};
    import { nodePlatform } from ${JSON.stringify(distUrl("platform/node.js"))};
    const engine = duckdbEngine(nodePlatform());
    await engine.prepareSpare({});
    process.setgid(65534);
    process.setuid(65534);
    for (const attempt of [engine.open({ path: ${JSON.stringify(path)}, names: ["DB"], concurrency: 1, settings: {} }), engine.digest([${JSON.stringify(path)}])]) {
      await attempt.then(() => console.log("outcome open"), (error) => console.log("outcome " + error.code));
    }
  `);
  expect(await child.line("outcome ")).toBe("outcome PERMISSION_DENIED");
  expect(await child.line("outcome ")).toBe("outcome PERMISSION_DENIED");
});

test("FACTS 1.12: of an internal error only the first line is told", () => {
  const text =
    "INTERNAL Error: Attempted to access index 3 within vector of size 2\n\nStack Trace:\n\n/usr/lib/libduckdb.so(_ZN6duckdb) [0x7f]";
  const error = engineError(new Error(text));
  expect(error).toMatchObject({
    code: "QUERY_FAILED",
    message: "INTERNAL Error: Attempted to access index 3 within vector of size 2",
  });
  expect(JSON.stringify(error)).not.toContain("libduckdb");
  expect(isFatal(new Error(text))).toBe(true);
  expect(isFatal(new Error("FATAL Error: Failed: database has been invalidated because of a previous fatal error."))).toBe(true);
  expect(isFatal(new Error("Catalog Error: Table with name t does not exist!"))).toBe(false);
});

test.each([
  [
    `IO Error: Could not set lock on file "/d/x.duckdb": Conflicting lock is held in /usr/bin/python3.12 (PID 71) by user ada. See also https://duckdb.org`,
    { pid: 71, command: "/usr/bin/python3.12" },
  ],
  [
    `IO Error: Could not set lock on file "/d/x.duckdb": Conflicting lock is held in /opt/my app (v2)/etl (PID 71). See also`,
    { pid: 71, command: "/opt/my app (v2)/etl" },
  ],
  [`IO Error: Could not set lock on file "/d/x.duckdb": Conflicting lock is held in PID 71. See also`, { pid: 71 }],
  [`IO Error: Could not set lock on file "/d/x.duckdb": Conflicting lock is held in PID -1. See also`, undefined],
  [`IO Error: Could not set lock on file "/d/x.duckdb": Resource temporarily unavailable`, undefined],
])("FACTS 1.2: the wordings of a held lock: %s", (text, holder) => {
  expect(lockErrorOf(text, undefined)).toMatchObject({ code: "FILE_LOCKED", subject: "/d/x.duckdb", holder });
});

test("a text that is not about a lock is none", () => {
  expect(lockErrorOf("IO Error: Cannot open file", "/d/x.duckdb")).toBeUndefined();
});

test("a disk that fails while a file is opened is not taken for a damaged file", () => {
  const text = 'IO Error: Could not read from file "/data/x.duckdb": Input/output error';
  expect(engineError(new Error(text), { path: "/data/x.duckdb", opening: true })).toMatchObject({
    code: "IO_FAILED",
    hint: expect.any(String),
  });
});
