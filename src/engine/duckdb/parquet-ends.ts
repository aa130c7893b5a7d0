import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "../../platform/io-error.ts";
import type { OpenFile, Platform } from "../../platform/port.ts";

/** What a Parquet file begins and ends with; `PARE` where its end is encrypted. */
const magic = "PAR1";
/** The end of a file: the footer's length and the magic. Bytes. */
const tailBytes = 8;
/** Files that are open at a time: Node reads with four threads. */
const parallel = 16;

/**
 * Looks at the first and the last bytes of Parquet files, so that what is told of a broken one names it. Throws `FILE_MISSING`; `BUILD_UNFINISHED` for a file without an end;
 * `DATABASE_CORRUPT` for one that is no Parquet file, is encrypted, or has an end that cannot be right.
 */
export async function assertParquetEnds(platform: Platform, paths: readonly string[]): Promise<void> {
  for (let first = 0; first < paths.length; first += parallel) {
    const part = paths.slice(first, first + parallel);
    const settled = await Promise.allSettled(part.map((path) => assertEnds(platform, path)));
    const failed = settled.find((each) => each.status === "rejected");
    if (failed) throw failed.reason;
  }
}

async function assertEnds(platform: Platform, path: string): Promise<void> {
  const file = await opened(platform, path);
  try {
    const { bytes } = await file.stat();
    const head = (await file.read(0, magic.length)).toString("latin1");
    const tail = bytes < tailBytes ? Buffer.alloc(0) : await file.read(bytes - tailBytes, tailBytes);
    const end = tail.toString("latin1", tailBytes - magic.length);
    if (head !== magic && head !== "PARE" && bytes >= magic.length)
      throw corrupt(path, "is no Parquet file: it does not begin as one");
    if (end === "PARE" || head === "PARE") throw corrupt(path, "is encrypted");
    if (end !== magic) throw unfinished(path, bytes);
    const footerBytes = tail.readUInt32LE(0);
    if (footerBytes === 0 || footerBytes > bytes - tailBytes - magic.length) {
      throw corrupt(path, `ends with a footer of ${footerBytes} bytes, and the file has ${bytes}`);
    }
  } catch (error) {
    throw ioError(error, "read", path);
  } finally {
    await file.close();
  }
}

async function opened(platform: Platform, path: string): Promise<OpenFile> {
  try {
    return await platform.files.open(path, "read");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw ioError(error, "open", path);
    throw new LockkeeperError("FILE_MISSING", `${path} does not exist`, { hint: "Check the path.", subject: path });
  }
}

function unfinished(path: string, bytes: number): LockkeeperError {
  return new LockkeeperError(
    "BUILD_UNFINISHED",
    `${path} has no end: whatever wrote its ${bytes} bytes was stopped before it was done`,
    {
      hint: "Let its writer finish, or build again.",
      subject: path,
    },
  );
}

function corrupt(path: string, what: string): LockkeeperError {
  return new LockkeeperError("DATABASE_CORRUPT", `${path} ${what}`, { hint: "Write the file again.", subject: path });
}
