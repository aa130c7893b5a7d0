import { basename } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { firstLine } from "../../errors/lockkeeper-error.ts";
import { nodePlatform } from "../../platform/node.ts";
import { endWithStarter } from "../../platform/orphan.ts";
import { readTextFile } from "../../platform/text-file.ts";
import { loadDriver } from "./driver.ts";
import type { SqlJob } from "./sql-command.ts";
import { quoteIdentifier, quoteLiteral, statementsIn, type PlacedStatement } from "./sql-text.ts";

// The program of the child process that runs a build of SQL files: with the starter's process id and the job's path as its arguments, and the environment
// of a build command. A signal ends it in the middle of a statement; what it wrote is then thrown away with the build.

/** As JSON a character may take six bytes of the 64 MiB that a build may have. */
const jobBytesMax = 400 * 1024 * 1024;
const shownMax = 200;
const baseName = "lockkeeper_base";
/** What SQL finds with `getvariable('lockkeeper_store')`. */
const variables = ["STORE", "BUILD_PATH", "BUILD_DIR", "BASE_PATH", "BASE_VERSION"].map((name) => `LOCKKEEPER_${name}`);

const platform = nodePlatform();
const [starter = "", jobPath = ""] = process.argv.slice(2);
const path = process.env["LOCKKEEPER_BUILD_PATH"] ?? "";
let messageBytes = 0;
endWithStarter(starter);

/** Why a build ends: its text is the last line of the output, which the publisher tells. */
class SqlFailure extends Error {}

async function run(): Promise<void> {
  const job = JSON.parse((await readTextFile(jobPath, jobBytesMax)) ?? "") as SqlJob;
  const { DuckDBInstance } = await loadDriver();
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    try {
      const scripts = job.files.map((file) => ({ file: file.path, statements: statementsIn(file.text) }));
      for (const script of scripts) await assertParses(connection, script);
      await introduce(connection);
      for (const [index, script] of scripts.entries()) {
        await tell({ type: "progress", text: script.file, fraction: index / scripts.length });
        await runScript(connection, script);
      }
      await connection.run(`CHECKPOINT ${quoteIdentifier(basename(path).replace(/\.duckdb$/, ""))}`);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

interface Script {
  readonly file: string;
  readonly statements: readonly PlacedStatement[];
}

/** A slip in the last file is told before the first one has run for hours. */
async function assertParses(connection: DuckDBConnection, { file, statements }: Script): Promise<void> {
  for (const statement of statements) {
    await connection.extractStatements(statement.sql).catch((error: unknown) => fail(file, statement, error));
  }
}

/** Makes the variables, and the active release readable where there is one. One that cannot be opened fails only a statement that asks for it. */
async function introduce(connection: DuckDBConnection): Promise<void> {
  for (const name of variables) {
    const value = process.env[name];
    if (value !== undefined) await connection.run(`SET VARIABLE ${name.toLowerCase()} = ${quoteLiteral(value)}`);
  }
  const base = process.env["LOCKKEEPER_BASE_PATH"];
  if (base === undefined) return;
  await connection.run(`ATTACH ${quoteLiteral(base)} AS ${baseName} (TYPE DUCKDB, READ_ONLY)`).catch((error: unknown) => {
    process.stdout.write(`the active release is not attached as ${baseName}: ${firstLine(error)}\n`);
  });
}

async function runScript(connection: DuckDBConnection, { file, statements }: Script): Promise<void> {
  const started = platform.clock.monotonicMs();
  for (const statement of statements) {
    await connection.run(statement.sql).catch((error: unknown) => fail(file, statement, error));
  }
  try {
    await connection.run("BEGIN TRANSACTION");
    await connection.run("ROLLBACK");
  } catch (error) {
    if (!String(error).includes("within a transaction")) throw error;
    throw new SqlFailure(`${file}: a transaction is still open at its end, and would be lost; add COMMIT`);
  }
  const ms = Math.round(platform.clock.monotonicMs() - started);
  process.stdout.write(`${file}: ${statements.length} ${statements.length === 1 ? "statement" : "statements"}, ${ms} ms\n`);
}

function fail(file: string, { sql, line }: PlacedStatement, error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  // The engine counts lines from the statement's first.
  const within = Number(/^LINE (\d+):/m.exec(text)?.[1] ?? 1);
  process.stderr.write(`${text}\n`);
  const shown = sql.replaceAll(/\s+/g, " ");
  const cut = shown.length > shownMax ? `${shown.slice(0, shownMax)}…` : shown;
  const reason = firstLine(error).replace(/^Failed to extract statements: /, "");
  throw new SqlFailure(`${file}:${line + within - 1}: ${reason}, in: ${cut}`);
}

async function tell(message: object): Promise<void> {
  const file = await platform.files.open(process.env["LOCKKEEPER_MESSAGES"] ?? "", "update");
  try {
    messageBytes += await file.write(Buffer.from(`${JSON.stringify(message)}\n`), messageBytes);
  } finally {
    await file.close();
  }
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${error instanceof SqlFailure ? error.message : firstLine(error)}\n`);
  process.exitCode = 1;
}
