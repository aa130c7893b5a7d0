import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { binPath, startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { exampleFile, python, pythonMissing, startApp } from "./support.ts";

/** Shell blocks of the README: make and build, the app, and what comes after it. */
const [begin = "", app = "", after = "", ...others] = [
  ...readFileSync(exampleFile("README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm),
].map(([, block = ""]) => block);

test.skipIf(pythonMissing !== "")("the commands of the README, one after the other", async () => {
  expect(others).toEqual([]);
  expect(app).toBe("STORE=by_publish PORT=8080 node $EXAMPLE/app.mjs\n");
  const folder = temporaryFolder();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const [name, command] of [
    ["lockkeeper", `"${process.execPath}" "${binPath}"`],
    ["python3", `"${python}"`],
  ] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = {
    EXAMPLE: exampleFile(".").replace(/\/$/, ""),
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const run = async (script: string) => {
    const child = startProgram(["sh", "-e", "-c", script], { cwd: folder, env });
    expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, expect.anything()]);
    return child.stdout();
  };
  expect(await run(begin)).toContain("data/by_manifest: slot a is version 1\n");
  const { url } = await startApp(folder, { ...env, STORE: "by_publish" });
  const freshness = async (): Promise<unknown> => (await fetch(`${url}/api/data-freshness`)).json();
  expect(await freshness()).toMatchObject({ release: "r000001", dbVersion: 1, lastDataLoadDate: "2025-01-04" });
  await run(`FILINGS=$PWD/filings\nexport FILINGS\n${after}`);
  expect(await freshness()).toMatchObject({ release: "r000001", dbVersion: 3, lastDataLoadDate: "2025-01-04" });
});

test.runIf(pythonMissing !== "")("the README's commands are not tried", () => {
  process.stdout.write(`skipped: ${pythonMissing}\n`);
});
