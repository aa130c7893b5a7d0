import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findPostgres } from "../../../examples/lib/postgres.mjs";
import { whyNoDbtWithPostgres } from "../../dbt/support.ts";
import { startWarmDbt } from "../../dbt/warm.ts";
import { binPath, startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const example = fileURLToPath(new URL("../../../examples/marts-dbt", import.meta.url));

/** Shell blocks of the README: the database, and what is typed in the second terminal. */
const [database = "", commands = "", ...others] = [
  ...readFileSync(join(example, "README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm),
].map(([, block = ""]) => block);

/** What makes the environment is not typed here: it has been made. */
const installing = /^(?:python3\.11 -m venv|dbt-venv\/bin\/pip|export PATH=).*\n/gm;

test.skipIf(whyNoDbtWithPostgres !== "")(
  "the commands of the README: a day that is added to the active release is what a whole build has",
  async () => {
    expect([database, others]).toEqual(["node $EXAMPLE/postgres.mjs\n", []]);
    expect(commands.match(installing)).toHaveLength(3);
    const postgres = findPostgres();
    if ("why" in postgres) throw new Error("looked for before");
    const dbt = await startWarmDbt(onTestFinished);
    const folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/lockkeeper"), `#!/bin/sh\nexec "${process.execPath}" "${binPath}" "$@"\n`);
    chmodSync(join(folder, "bin/lockkeeper"), 0o755);

    const server = startProgram([process.execPath, join(example, "postgres.mjs")]);
    const exported = await server.line("export ");
    const path = [join(folder, "bin"), dirname(postgres.programs.psql), dbt.env["PATH"]].join(":");
    const env = { ...dbt.env, EXAMPLE: example, PATH: path };
    const run = async (script: string) => {
      const child = startProgram(["sh", "-e", "-c", `${exported}\n${script}`], { cwd: folder, env });
      expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, expect.anything()]);
      return child.stdout();
    };
    expect(await run(commands.replaceAll(installing, ""))).toMatch(/now serves r000002 [^]*changed +main_mart\.fct_daily_spend /);
    await run("lockkeeper publish marts");
    expect(await run("lockkeeper releases diff marts r000002 r000003")).toContain("11 tables the same");
    server.process.kill("SIGTERM");
    expect(await server.ended).toEqual({ code: 0, signal: null });
  },
);

test.runIf(whyNoDbtWithPostgres !== "")("the README's commands of marts-dbt are not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbtWithPostgres}\n`);
});
