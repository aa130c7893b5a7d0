import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { binPath, startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readText } from "./sources.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readText("docs/tutorial.md");

/** What a step of the page asks for, its text, and what the page says is printed; a block without a mark is only shown. */
function steps() {
  const block = /<!-- (run|start|file|append)(?:: (.+?))? -->\n```\w+\n([\s\S]*?)```(?:\n\n```text\n([\s\S]*?)```)?/g;
  return [...page.matchAll(block)].map(([, kind = "", what = "", text = "", printed]) => ({ kind, what, text, printed }));
}

/** How long something took differs from run to run. */
function steady(text: string): string {
  return text
    .replaceAll(/switched in [\d.,]+ m?s/g, "switched in a moment")
    .replaceAll(/ \S+\/quarantine\/[0-9a-f]{12}/g, " FOLDER")
    .trimEnd();
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const hasCurl = spawnSync("sh", ["-c", "command -v curl"]).status === 0;

test.skipIf(!hasCurl)("docs/tutorial.md: every step does what the page says", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules", "bin"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "lockkeeper"));
  for (const name of ["hono", "@hono"]) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  symlinkSync(binPath, join(folder, "node_modules", "bin", "lockkeeper"));
  const port = await freePort();
  const here = (text: string) => text.replaceAll("npx lockkeeper", "lockkeeper").replaceAll("4700", String(port));
  const path = `${join(folder, "node_modules", "bin")}:${process.env["PATH"] ?? ""}`;
  // The page shows what is printed without colours; a CI service has them.
  const env = { ...process.env, PATH: path, NO_COLOR: "1", FORCE_COLOR: undefined, CI: undefined };
  let ran = 0;
  for (const { kind, what, text, printed } of steps()) {
    if (kind === "file") {
      mkdirSync(dirname(join(folder, what)), { recursive: true });
      writeFileSync(join(folder, what), here(text));
    }
    if (kind === "append") appendFileSync(join(folder, what), text);
    if (kind === "start") await startProgram(here(text).trim().split(" "), { cwd: folder }).line("listening on ");
    if (kind !== "run") continue;
    ran += 1;
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", here(text)], { cwd: folder, env, encoding: "utf8" });
    expect([text, status, stderr]).toEqual([text, Number(what.replace("exit ", "")), expect.any(String)]);
    if (printed !== undefined) expect(steady(stdout)).toBe(steady(printed));
  }
  expect(ran).toBe(7);
});
