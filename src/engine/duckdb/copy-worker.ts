import { errnoOf } from "../../platform/io-error.ts";
import { nodePlatform } from "../../platform/node.ts";
import { endWithStarter } from "../../platform/orphan.ts";
import type { CopyKind } from "./copy.ts";
import type { FileAnswer } from "./file-child.ts";

// The program of the child process that `copy.ts` starts, with that process's id, the source and the target as its arguments. A close in here drops no
// lock of the process that started it.

const platform = nodePlatform();
const [asker = "", source = "", target = ""] = process.argv.slice(2);

// Copying is one call that takes as long as the file is large.
endWithStarter(asker);

async function answer(): Promise<FileAnswer<CopyKind>> {
  try {
    return { results: await platform.files.copy(source, target) };
  } catch (error) {
    const code = errnoOf(error) ?? "EIO";
    const message = error instanceof Error ? error.message : String(error);
    return { failure: { verb: `copy ${source} to`, path: target, code, message } };
  }
}

process.stdout.write(JSON.stringify(await answer()));
