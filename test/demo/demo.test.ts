import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { binPath, startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const demoFile = fileURLToPath(new URL("../../examples/flights/demo.mjs", import.meta.url));

test("a demo without its data says what is missing and how to get it, and fakes nothing", async () => {
  const missing = join(temporaryFolder(), "flights-3m.parquet");
  const demo = startProgram([process.execPath, binPath, "demo", "--json", "--data", missing]);
  expect(await demo.ended).toMatchObject({ code: 10 });
  expect(demo.stdout()).toBe("");
  const { error } = JSON.parse(demo.stderr().trim().split("\n").at(-1) ?? "") as { error: Record<string, unknown> };
  expect(error).toMatchObject({ code: "FILE_MISSING", exit: 10 });
  expect(error["message"]).toContain(missing);
  expect(error["hint"]).toContain("npm install vega-datasets");
});

test("a folder that has something in it is left alone", async () => {
  const folder = join(temporaryFolder(), "mine");
  mkdirSync(folder);
  writeFileSync(join(folder, "lockkeeper.toml"), "format = 1\n");
  const demo = startProgram([process.execPath, demoFile, "--dir", folder]);
  expect(await demo.ended).toMatchObject({ code: 12 });
  expect(demo.stderr()).toContain("is not empty");
});

test.each([["SIGINT", 130] as const, ["SIGTERM", 143] as const])(
  "%s in the middle ends every process and removes the folder",
  async (signal, exit) => {
    const demo = startProgram([process.execPath, demoFile, "--quick"]);
    const folder = /folder\s+(\S+)/.exec(await demo.line("  folder"))?.[1] ?? "";
    const app = Number(/process (\d+)/.exec(await demo.line("  ✓ app.mjs"))?.[1]);
    expect(existsSync(join(folder, "flights", "db_manifest.json"))).toBe(true);
    expect(process.kill(app, 0)).toBe(true);
    process.kill(demo.pid, signal);
    expect(await demo.ended).toMatchObject({ code: exit });
    expect(existsSync(folder)).toBe(false);
    expect(() => process.kill(app, 0)).toThrow("ESRCH");
  },
);
