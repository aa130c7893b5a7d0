// @ts-check
/**
 * The strongest form one would write at home, as carefully as we can: one in-memory instance that follows a version file.
 * The writer gives every build a file name of its own, renames it into place and then replaces the version file; the reader
 * looks at the version file at each request and moves with `ATTACH OR REPLACE`, which lets queries in flight end on the old
 * file. One statement a request sees one version. No checks, no fsync, no rollback, no locks, no history.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { question } from "./question.mjs";

/** Files that stay: the one in use, and the one before it for readers that have not moved yet. */
const filesKept = 2;
const connectionCount = 8;

/** @type {import("../lib/reader-process.mjs").OpenPeer} */
export async function openPeer(folder) {
  const pointer = join(folder, "version.json");
  const instance = await DuckDBInstance.create(":memory:");
  const attaching = await instance.connect();
  let identity = "";
  /** @type {Promise<void> | undefined} */
  let moving;

  const look = () => {
    const { ino, ctimeNs, size } = statSync(pointer, { bigint: true });
    return `${ino} ${ctimeNs} ${size}`;
  };
  const move = async () => {
    const seen = look();
    const { file } = JSON.parse(readFileSync(pointer, "utf8"));
    await attaching.run(`ATTACH OR REPLACE '${join(folder, file)}' AS x (READ_ONLY)`);
    identity = seen;
  };
  await move();
  const idle = await Promise.all(
    Array.from({ length: connectionCount }, async () => {
      const connection = await instance.connect();
      return { connection, prepared: await connection.prepare(question("x")), preparedFor: identity };
    }),
  );

  return {
    ask: async () => {
      if (look() !== identity) {
        moving ??= move().finally(() => {
          moving = undefined;
        });
        await moving;
      }
      const session = idle.pop();
      if (!session) throw new Error("more requests at a time than connections");
      try {
        // A statement prepared before the move would be bound anew at every run.
        if (session.preparedFor !== identity) {
          session.preparedFor = identity;
          session.prepared.destroySync();
          session.prepared = await session.connection.prepare(question("x"));
        }
        return Number((await session.prepared.runAndReadAll()).getRowsJson()[0]?.[0]);
      } finally {
        idle.push(session);
      }
    },
    close: async () => {
      for (const { connection, prepared } of idle) {
        prepared.destroySync();
        connection.closeSync();
      }
      attaching.closeSync();
      instance.closeSync();
    },
  };
}

/** @type {import("../switch.mjs").OpenWriter} */
export async function openWriter(folder) {
  const pointer = join(folder, "version.json");
  /** @type {string[]} */
  const files = [];
  let version = 0;
  return {
    pointer,
    publish: async (build) => {
      version += 1;
      const file = `flights-${version}.duckdb`;
      const building = join(folder, `building-${version}.duckdb`);
      await build(building);
      renameSync(building, join(folder, file));
      writeFileSync(`${pointer}.new`, JSON.stringify({ version, file }));
      renameSync(`${pointer}.new`, pointer);
      files.push(file);
      const oldest = files.length > filesKept ? files.shift() : undefined;
      if (oldest !== undefined) rmSync(join(folder, oldest));
    },
    close: async () => {},
  };
}
