import { basename } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { reservedBasenames } from "../../model/names.ts";
import type { Platform } from "../../platform/port.ts";
import { engineError } from "./errors.ts";
import { attach, createInstance, type Attachment } from "./instance.ts";
import { lease } from "./registry.ts";

/** A file to work on. */
export interface WorkedFile extends Pick<Attachment, "path" | "access"> {
  /** Whether one that is missing is made. */
  readonly mayMake?: boolean;
}

/** Does something with a file attached under its own stem, in an instance of its own, alone where it writes. Throws what opening a file throws. */
export async function onFile<Result>(
  platform: Platform,
  { path, access, mayMake = false }: WorkedFile,
  use: (connection: DuckDBConnection, name: string) => Promise<Result>,
): Promise<Result> {
  const name = catalogueNameOf(path);
  const make = async () => attach(await createInstance({}), { path, names: [name], access });
  const held =
    mayMake && (await platform.files.stat(path)) === undefined
      ? await unshared(make)
      : await lease(platform, { path, shareKey: `work ${access}`, exclusive: access === "READ_WRITE", make });
  try {
    const connection = await held.instance.connect();
    try {
      return await use(connection, name);
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    throw engineError(error, { path, opening: true });
  } finally {
    held.release();
  }
}

/** A file that is made has no inode yet that others could be on. */
async function unshared<Instance extends { closeSync(): void }>(
  make: () => Promise<Instance>,
): Promise<{ readonly instance: Instance; release(): void }> {
  const instance = await make();
  return { instance, release: () => instance.closeSync() };
}

/** The stem of the file, which is what its own views call the catalogue. */
function catalogueNameOf(path: string): string {
  const stem = basename(path).replace(/\.[^.]*$/, "");
  return stem === "" || reservedBasenames.has(stem.toLowerCase()) ? "checkpointed" : stem;
}
