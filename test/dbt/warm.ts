import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findDbt, type Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import { temporaryFolder, type WhenDone } from "../support/temporary.ts";

const script = fileURLToPath(new URL("warm_dbt.py", import.meta.url));

/**
 * Loads dbt once for all commands of a file of tests; the program that it names is dbt for who calls it, but for the process: a signal to that one does not reach dbt. Throws where there
 * is no dbt.
 */
export async function startWarmDbt(whenDone: WhenDone): Promise<Dbt> {
  const cold = findDbt();
  if ("why" in cold) throw new Error(cold.why);
  const folder = temporaryFolder(whenDone);
  const [python, socket, program] = [join(dirname(cold.program), "python"), join(folder, "socket"), join(folder, "dbt")];
  writeFileSync(program, `#!/bin/sh\nexec "${python}" -S -E "${script}" run "${socket}" "$@"\n`);
  chmodSync(program, 0o755);
  const server = spawn(python, [script, "serve", socket], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...cold.env },
  });
  const ended = once(server, "close");
  whenDone(async () => {
    server.stdin.end();
    await ended;
  });
  const [said] = (await Promise.race([once(server.stdout, "data"), ended])) as unknown[];
  if (!String(said).startsWith("ready")) throw new Error("dbt could not be loaded; what it said is above");
  return { program, env: { ...cold.env, PATH: [folder, cold.env["PATH"]].join(delimiter) } };
}
