import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bootstrapResultSchema } from "../../src/model/bootstrap.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { errorOf, jsonOf, runCli } from "./support/cli.ts";

const document = bootstrapResultSchema.extend({ schema: z.literal("lockkeeper/bootstrap@1") });

const config = `format = 1
[stores.marts]
kind = "release"
dir = "data/marts"
layout = "releases"
artifacts = [{ kind = "parquet", path = "mart" }]
fallback = "data/old/app.duckdb"
fallback_parquet = "data/parquet"
`;

function workspace(): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "lockkeeper.toml"), config);
  return cwd;
}

describe("bootstrap", () => {
  it("makes the store's folders and its fallback's, tells the modes, and a second time finds them there", async () => {
    const cwd = workspace();
    const first = document.parse((await jsonOf(["bootstrap", "marts"], { cwd })).document);
    const relative = first.folders.map(({ path }) => path.slice(cwd.length + 1));
    const own = ["records", "pins", "builds", "quarantine", "trash"].map((name) => `data/marts/.lockkeeper/${name}`);
    expect(relative).toEqual(["data/marts", ...own, "data/parquet", "data/parquet/mart", "data/old"]);
    for (const { path, created, mode } of first.folders) {
      expect([path, created, mode]).toEqual([path, true, (statSync(path).mode & 0o7777).toString(8).padStart(4, "0")]);
    }
    chmodSync(join(cwd, "data/parquet"), 0o2775);
    const second = document.parse((await jsonOf(["bootstrap", "marts"], { cwd })).document);
    expect(second.folders.map(({ created }) => created)).toEqual(first.folders.map(() => false));
    expect(second.folders.find(({ path }) => path.endsWith("parquet"))?.mode).toBe("2775");
    expect((await jsonOf(["status"], { cwd })).code).toBe(0);
    const doctor = (await jsonOf(["doctor"], { cwd })).document as { checks: { name: string; store?: string; status: string }[] };
    expect(doctor.checks.filter((check) => check.store === "marts" && check.status === "fail")).toEqual([]);
  });

  it("--dry-run makes nothing and tells what is missing", async () => {
    const cwd = workspace();
    mkdirSync(join(cwd, "data/marts"), { recursive: true });
    const { code, document: told } = await jsonOf(["bootstrap", "marts", "--dry-run", "--extension", "json"], { cwd });
    const { folders, extensions, dryRun } = document.parse(told);
    expect([code, dryRun]).toEqual([0, true]);
    expect(folders[0]).toMatchObject({ created: false, mode: expect.stringMatching(/^[0-7]{4}$/) as unknown });
    expect(folders.slice(1).map(({ created, mode }) => [created, mode])).toEqual(folders.slice(1).map(() => [true, undefined]));
    expect(extensions).toEqual([{ name: "json", status: "loaded", version: expect.stringMatching(/^v/) as unknown }]);
    expect([existsSync(join(cwd, "data/parquet")), readdirSync(join(cwd, "data/marts"))]).toEqual([false, []]);
  });

  it("an extension that cannot be had is told with the engine's reason: exit 3, and the others and the folders are there", async () => {
    const cwd = workspace();
    const words = ["bootstrap", "marts", "--extension", "json", "no_such_extension", "--extension", "json"];
    // Whether there is a network decides nothing: nobody has an extension of this name.
    const home = temporaryFolder();
    const { code, document: told } = await jsonOf(words, { cwd, env: { HOME: home } });
    const { folders, extensions } = document.parse(told);
    expect(code).toBe(3);
    expect(extensions).toEqual([
      { name: "json", status: "loaded", version: expect.any(String) as unknown },
      { name: "no_such_extension", status: "failed", detail: expect.stringContaining("no_such_extension") as unknown },
    ]);
    expect(folders.every(({ created }) => created)).toBe(true);
    const { stdout } = await runCli(["bootstrap", "marts", "--dry-run", "--extension", "no_such_extension"], {
      cwd,
      env: { HOME: home },
    });
    expect(stdout).toMatch(
      /^there .*data\/marts\n(.*\n)+missing {2}extension no_such_extension\n .*no_such_extension.*\nexit 3\n$/,
    );
  });

  it("a name that is none is refused before anything is made; so is a file in a folder's place, and a store that is not there", async () => {
    const cwd = workspace();
    for (const name of ["Post'gres", "../x", ""]) {
      expect(await errorOf(["bootstrap", "marts", "--extension", name], { cwd })).toMatchObject({ code: "USAGE", exit: 2 });
    }
    expect(existsSync(join(cwd, "data"))).toBe(false);
    expect(await errorOf(["bootstrap", "nothing"], { cwd })).toMatchObject({ code: "STORE_UNKNOWN" });
    mkdirSync(join(cwd, "data"));
    writeFileSync(join(cwd, "data/parquet"), "");
    expect(await errorOf(["bootstrap", "marts"], { cwd })).toMatchObject({
      code: "CONFIG_INVALID",
      subject: join(cwd, "data/parquet"),
    });
    expect(existsSync(join(cwd, "data/marts"))).toBe(false);
  });
});
