import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseConfig } from "../../src/model/config-findings.ts";
import { configResultSchema } from "../../src/model/config-view.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { errorOf, jsonOf, runCli, workspaceFolder, type CliOptions } from "./support/cli.ts";

const document = configResultSchema.extend({ schema: z.literal("lockkeeper/config@1") });

async function shown(options: CliOptions, ...words: string[]) {
  const { code, document: found } = await jsonOf(["config", "show", ...words], options);
  expect(code).toBe(0);
  return document.parse(found);
}

const secretUrl = "https://hunter1:hunter2@hooks.example.org/hunter3?token=hunter6";

const hash = "ab".repeat(32);

/** Every kind of key, and a second store whose keys are all defaults. */
const more = `fallback = "env:OLD_FILE"
reader = { drain_timeout = "90s", limits = { rows = 5 } }
build = { sql = "sql", timeout = "2h" }
[[stores.holdings.webhooks]]
url = "${secretUrl}"
secret = "env:HOOK_SECRET"
[[stores.holdings.checks]]
check = "fresh"
table = "t"
column = "c"
warn_after = "26h"
[[stores.holdings.checks]]
check = "sql"
name = "file"
file = "check.sql"
[stores.plain]
kind = "release"
dir = "plain"
queries = "queries/*.sql"
[serve]
cache = "8MB"
[[tokens]]
name = "dagster"
sha256 = "env:TOKEN_HASH"
level = "publish"
[[tokens]]
name = "ops"
sha256 = "${hash}"
level = "admin"
`;

function folderWith(text: string): string {
  const cwd = workspaceFolder(text);
  writeFileSync(join(cwd, "check.sql"), "SELECT 1 AS of_the_file");
  return cwd;
}

describe("config show", () => {
  it("defaults filled in, paths absolute, durations in milliseconds, and what named the file", async () => {
    const cwd = folderWith(more);
    const { path, namedBy, config } = await shown({ cwd, env: { OLD_FILE: "x.duckdb", UV_THREADPOOL_SIZE: "4" } });
    expect([path, namedBy]).toEqual([join(cwd, "lockkeeper.toml"), "search"]);
    expect(config).toMatchObject({
      format: 1,
      stores: {
        holdings: {
          dir: join(cwd, "data"),
          fallback: { env: "OLD_FILE", set: true },
          space: "3x",
          build: { sql: join(cwd, "sql"), timeout: 7_200_000 },
          reader: { freshness: "strict", drain_timeout: 90_000, poll: 1_000, limits: { rows: 5, concurrency: 3, time: 300_000 } },
          webhooks: [{ secret: { env: "HOOK_SECRET", set: false }, events: ["release.switched"] }],
          checks: [
            { check: "fresh", severity: "error", warn_after: 93_600_000 },
            { check: "sql", file: join(cwd, "check.sql"), timeout: 300_000 },
          ],
        },
        plain: {
          layout: "releases",
          queries: join(cwd, "queries/*.sql"),
          retention: { keep: 5, within: 0 },
          reader: { wait: 5_000 },
        },
      },
      serve: {
        listen: "127.0.0.1:4600",
        cache: 8_000_000,
        drain_timeout: 30_000,
        limits: { queue_wait: 5_000, url: 8_000 },
        alarms: { behind: 60_000 },
      },
      tokens: [
        { name: "dagster", sha256: { env: "TOKEN_HASH", set: false }, level: "publish" },
        { name: "ops", sha256: { hidden: true } },
      ],
    });
    const { plain } = config["stores"] as { readonly plain: object };
    expect(plain).not.toHaveProperty("fallback");
  });

  it("an only store without a fallback has DUCKDB_PATH", async () => {
    const { config } = await shown({ cwd: workspaceFolder(), env: { DUCKDB_PATH: "old.duckdb" } });
    expect(config).toMatchObject({ stores: { holdings: { fallback: { env: "DUCKDB_PATH", set: true } } } });
  });

  it("no secret is shown in either form, nor the text of a check's file", async () => {
    const cwd = folderWith(more);
    const env = { HOOK_SECRET: "whsec_hunter4", OLD_FILE: "hunter5.duckdb" };
    for (const words of [
      ["config", "show"],
      ["config", "show", "holdings"],
      ["--json", "config", "show"],
    ]) {
      const { code, stdout, stderr } = await runCli(words, { cwd, env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).not.toMatch(/hunter|of_the_file/);
      expect(stdout).not.toContain(hash);
      expect(stdout).toContain("https://hooks.example.org");
    }
  });

  it("as text it is TOML that says the same: read again, only what is not shown differs", async () => {
    const cwd = folderWith(more);
    const { stdout } = await runCli(["config", "show"], { cwd, env: { OLD_FILE: "x" } });
    expect(stdout).toContain('drain_timeout = "90s"\n');
    expect(stdout).toContain('warn_after = "26h"\n');
    expect(stdout).toContain('fallback = "env:OLD_FILE"  # set\n');
    expect(stdout).toContain('secret = "env:HOOK_SECRET"  # not set here\n');
    expect(stdout).toContain('url = "https://hooks.example.org"  # the rest is not shown\n');
    expect(stdout.split("\n")[0]).toBe(`# ${join(cwd, "lockkeeper.toml")}, the nearest upwards from the working folder`);
    const whole = stdout.replace('sha256 = "…"  # not shown', `sha256 = "${hash}"`);
    expect(parseConfig(parse(whole)).findings).toEqual([]);
    const again = temporaryFolder();
    writeFileSync(join(again, "lockkeeper.toml"), whole);
    const second = await runCli(["config", "show"], { cwd: again, env: { OLD_FILE: "x" } });
    expect(second.stdout.split("\n").slice(1)).toEqual(stdout.split("\n").slice(1));
  });

  it("one store alone; one that is not there is exit 10", async () => {
    const cwd = folderWith(more);
    const { config } = await shown({ cwd }, "plain");
    expect(Object.keys(config["stores"] as object)).toEqual(["plain"]);
    expect(await errorOf(["config", "show", "plan"], { cwd })).toMatchObject({
      code: "STORE_UNKNOWN",
      exit: 10,
      message: expect.stringContaining("did you mean"),
    });
  });

  it("--config and LOCKKEEPER_CONFIG are told as what named the file; none is exit 2", async () => {
    const cwd = temporaryFolder();
    const path = join(workspaceFolder(), "lockkeeper.toml");
    const option = await jsonOf(["--config", path, "config", "show"], { cwd });
    expect(option.document).toMatchObject({ path, namedBy: "--config" });
    expect(await shown({ cwd, env: { LOCKKEEPER_CONFIG: path } })).toMatchObject({ path, namedBy: "LOCKKEEPER_CONFIG" });
    expect(await errorOf(["config", "show"], { cwd })).toMatchObject({ code: "CONFIG_MISSING", exit: 2 });
  });

  it("what the file says cannot steer a terminal", async () => {
    const cwd = workspaceFolder('build = { command = ["a\\u001b[2J\\u202e"] }\n');
    const { stdout } = await runCli(["config", "show"], { cwd });
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u001b\u202e]/);
  });
});

describe("config schema", () => {
  const shipped = JSON.parse(readFileSync(new URL("../../schemas/config.schema.json", import.meta.url), "utf8")) as object;

  it("is the schema that the package ships, without any lockkeeper.toml", async () => {
    const cwd = temporaryFolder();
    const { code, stdout, stderr } = await runCli(["config", "schema"], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(shipped);
    const { document: found } = await jsonOf(["config", "schema"], { cwd });
    expect(found).toEqual({ schema: "lockkeeper/config@1", jsonSchema: shipped });
  });
});
