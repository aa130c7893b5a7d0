import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { firstLine } from "../../src/errors/lockkeeper-error.ts";

const require = createRequire(import.meta.url);

/** A database of the package, as tests write with it. */
export interface WritableSqlite {
  exec(sql: string): unknown;
  pragma(source: string, options?: { readonly simple?: boolean }): unknown;
  close(): unknown;
}

/** Why SQLite cannot be tested here; `undefined` where it can. Printed once a file of tests. */
export const sqliteMissing: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  try {
    openForWriting(":memory:").close();
    return undefined;
  } catch (error) {
    const why = `skipped without better-sqlite3: ${firstLine(error)}`;
    process.stderr.write(`${why}\n`);
    return why;
  }
}

/** Opens a database for writing in this process. */
export function openForWriting(path: string): WritableSqlite {
  const Database = require("better-sqlite3") as new (path: string) => WritableSqlite;
  return new Database(path);
}

/** Writes a database with the statements and closes it. */
export function writeSqlite(path: string, ...statements: string[]): void {
  const database = openForWriting(path);
  try {
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
}

/** A module's text for a process of its own: `database` is open at `path`. */
export function sqliteScript(path: string, body: string): string {
  return `
    import { createRequire } from "node:module";
    const Database = createRequire(${JSON.stringify(import.meta.url)})("better-sqlite3");
    const database = new Database(${JSON.stringify(path)});
    ${body}
  `;
}

/** A process that writes with `body` and is killed before it has closed anything. */
export function writeAndDie(path: string, body: string): void {
  const text = sqliteScript(path, `${body}; process.kill(process.pid, "SIGKILL");`);
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8" });
  if (signal !== "SIGKILL") throw new Error(stderr);
}
