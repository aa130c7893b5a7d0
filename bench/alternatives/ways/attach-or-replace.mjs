// @ts-check
/**
 * A careful form: each build is a file of a new name, a version file names it, and one in-memory instance moves with `ATTACH OR REPLACE`.
 * Both statements of a request run in one transaction, which stays on the file it began with. A file that cannot be attached is tried
 * again after a second.
 */
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { identityOf, pointedAt } from "../lib/files.mjs";
import { preparing } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { turnPointer as openPublisher } from "../lib/publishers.mjs";

const retryMs = 1000;

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const pointer = join(folder, "version.json");
  const instance = await DuckDBInstance.create(":memory:");
  const attaching = await instance.connect();
  /** @type {{ connection: import("@duckdb/node-api").DuckDBConnection, firstRow: import("../lib/pool.mjs").FirstRow, preparedFor: string }[]} */
  const idle = [];
  const newSession = async () => {
    const connection = await instance.connect();
    return { connection, firstRow: preparing(connection), preparedFor: identity };
  };
  let identity = "";
  const move = async () => {
    const seen = identityOf(pointer);
    await attaching.run(`ATTACH OR REPLACE '${join(folder, pointedAt(pointer))}' AS x (READ_ONLY)`);
    identity = seen;
  };
  await move();
  /** @type {Promise<void> | undefined} */
  let moving;
  let failedAt = Number.NEGATIVE_INFINITY;
  return {
    ask: async (between) => {
      if (identityOf(pointer) !== identity && performance.now() - failedAt > retryMs) {
        moving ??= move()
          .catch(() => {
            failedAt = performance.now();
          })
          .finally(() => {
            moving = undefined;
          });
        await moving;
      }
      const session = idle.pop() ?? (await newSession());
      // A statement prepared before the move would be bound anew at every run.
      if (session.preparedFor !== identity)
        Object.assign(session, { firstRow: preparing(session.connection), preparedFor: identity });
      try {
        await session.connection.run("BEGIN");
        try {
          return await answerWith(session.firstRow, { prefix: "x.", between });
        } finally {
          await session.connection.run("ROLLBACK");
        }
      } finally {
        idle.push(session);
      }
    },
  };
}
