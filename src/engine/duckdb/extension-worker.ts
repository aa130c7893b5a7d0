import { firstLine } from "../../errors/lockkeeper-error.ts";
import type { Extension } from "../../model/bootstrap.ts";
import { createInstance } from "./instance.ts";
import { quoteIdentifier, quoteLiteral } from "./sql-text.ts";

// The program of the child process that `extensions.ts` starts, with that process's id, "install" or "look", and names as its arguments. A download in here can be ended.

const [, task = "look", ...names] = process.argv.slice(2);
const instance = await createInstance({});
const connection = await instance.connect();

async function attempt(...statements: readonly string[]): Promise<string | undefined> {
  try {
    for (const statement of statements) await connection.run(statement);
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

async function versionOf(name: string): Promise<string | undefined> {
  const sql = `SELECT extension_version FROM duckdb_extensions() WHERE loaded AND (extension_name = ${quoteLiteral(name)} OR list_contains(aliases, ${quoteLiteral(name)}))`;
  const version = (await connection.runAndReadAll(sql)).getRows()[0]?.[0];
  return typeof version === "string" && version !== "" ? version : undefined;
}

const results: Extension[] = [];
for (const name of names) {
  const load = `LOAD ${quoteIdentifier(name)}`;
  let detail = await attempt(load);
  if (detail !== undefined && task === "install") detail = await attempt(`INSTALL ${quoteIdentifier(name)}`, load);
  if (detail === undefined) {
    const version = await versionOf(name);
    results.push({ name, status: "loaded", ...(version !== undefined && { version }) });
  } else results.push({ name, status: task === "install" ? "failed" : "missing", detail });
}
process.stdout.write(JSON.stringify({ results }));
connection.closeSync();
instance.closeSync();
