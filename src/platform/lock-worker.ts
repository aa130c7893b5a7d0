import { writeSync } from "node:fs";
import { errnoOf } from "./io-error.ts";
import { nodePlatform } from "./node.ts";
import { endWithStarter } from "./orphan.ts";

// The program of the second process that `lock-elsewhere.ts` starts, with the starter's process id and a path as its arguments. It holds the file's lock until it is
// ended.

const [starter = "", path = ""] = process.argv.slice(2);
const longMs = 2 ** 31 - 1;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

endWithStarter(starter);
try {
  const { files, locks } = nodePlatform();
  const file = await files.open(path, "update");
  if (locks.tryLock(file, "exclusive")) {
    say("held");
    setInterval(() => undefined, longMs);
  } else {
    say("refused");
  }
} catch (error) {
  say(`failed ${errnoOf(error) ?? (error instanceof Error ? error.message.split("\n", 1)[0] : "")}`);
}
