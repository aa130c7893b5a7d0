import { ioError } from "../../platform/io-error.ts";
import { nodePlatform } from "../../platform/node.ts";
import { endWithStarter } from "../../platform/orphan.ts";
import type { SqliteAnswer } from "./child.ts";
import { copyHere } from "./copy-here.ts";
import { sealHere } from "./seal-here.ts";

// The program of the child process that `child.ts` starts, with that process's id, the task and the paths as its arguments. A SIGTERM ends it in the middle of a
// statement: SQLite's journal undoes what it did.

const platform = nodePlatform();
const [starter = "", task = "", path = "", target = ""] = process.argv.slice(2);

// A statement that runs is run to its end first: it is one call.
endWithStarter(starter);

async function answer(): Promise<SqliteAnswer> {
  try {
    await (task === "seal" ? sealHere(platform, path) : copyHere(platform, path, target));
    return { done: true };
  } catch (error) {
    const { code, message, hint, subject } = ioError(error, task, path);
    return { failure: { code, message, ...(hint !== undefined && { hint }), ...(subject !== undefined && { subject }) } };
  }
}

process.stdout.write(JSON.stringify(await answer()));
