import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { binPath, startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { errorOf, etl, runCli, workspaceFolder } from "./support/cli.ts";

const program = createProgram(() => Promise.resolve());
const verbs = program.commands.map((command) => command.name());

describe("help", () => {
  it.each([[], ...verbs.map((verb) => [verb]), ["config", "validate"]])("%j --help", async (...words: string[]) => {
    const { code, stdout, stderr } = await runCli([...words.flat(), "--help"], { cwd: temporaryFolder() });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: ${["lockkeeper", ...words.flat()].join(" ")}`);
  });

  it("loads no zod, TOML parser, colours or engine", async () => {
    const child = startProgram([process.execPath, binPath, "--help"], { env: { NODE_DEBUG: "esm,module" } });
    const { code } = await child.ended;
    expect(code).toBe(0);
    const named = new Set<string>(child.stderr().match(/[^\s"'/]+\.js\b/g));
    const loaded = readdirSync(dirname(binPath)).filter((file) => named.has(file));
    const text = loaded.map((file) => readFileSync(join(dirname(binPath), file), "utf8")).join("");
    // The bundle says of each module where it comes from.
    expect(text).toContain("// node_modules/commander/");
    expect(text).not.toMatch(/\/\/ (node_modules\/(zod|smol-toml|picocolors)|dist\/workspace)\//);
    expect(child.stderr()).not.toMatch(/node_modules\/(@duckdb|fs-native-extensions)/);
  });

  it("--version is the package's", async () => {
    expect(await runCli(["--version"], { cwd: temporaryFolder() })).toMatchObject({ code: 0, stdout: "0.1.0\n" });
  });

  it("runs through a link, as npm installs it", async () => {
    const folder = temporaryFolder();
    symlinkSync(binPath, join(folder, "lockkeeper"));
    const child = startProgram([join(folder, "lockkeeper"), "--version"], { cwd: folder });
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });
});

describe("words that are not understood: exit 2, with a suggestion", () => {
  it.each([
    [["pubish", "holdings", "--dry-run"], "unknown command 'pubish'", "Did you mean publish?"],
    [["publish", "holdings", "--dry-rn"], "unknown option '--dry-rn'", "Did you mean --dry-run?"],
    [["publish"], "missing required argument 'store'", "--help"],
    [["status", "more"], "too many arguments", "--help"],
    [["config"], "a command is missing", "config --help"],
    [["rollback", "holdings", "--to"], "argument missing", "--help"],
    [["publish", "holdings", "--wait", "10"], '--wait is "10"', undefined],
    [["rollback", "holdings", "--steps", "0"], '--steps is "0"', undefined],
    [["rollback", "holdings", "--steps", "two"], '--steps is "two"', undefined],
    [["adopt", "holdings", "--slot", "c"], '--slot is "c"', undefined],
    [["query", "holdings", "SELECT 1", "--limit", "-1"], '--limit is "-1"', undefined],
    [["publish", "holdings", "python", "etl.py"], '"python" is one argument too many', "Put -- before"],
    [["publish", "holdings", "--sql", "sql", "--", "python"], "--sql sql and a command were given", "Leave all but one out"],
    [
      ["publish", "holdings", "--from-dir", "d", "--", "python"],
      "--from-dir d and a command were given",
      "Leave all but one out",
    ],
    [["publish", "holdings", "--base", "r000001"], '--base is "r000001"', undefined],
    [["publish", "holdings"], "nothing to build holdings with", "-- COMMAND"],
    [["init", "--from", "x.duckdb"], "--from needs the name of a store", "init --from x.duckdb STORE"],
    [["init", "Holdings"], '"Holdings" cannot be', "lower-case"],
  ])("%j", async (words, message, hint) => {
    const error = await errorOf(words, { cwd: workspaceFolder() });
    expect(error).toMatchObject({ code: "USAGE", exit: 2, message: expect.stringContaining(message) });
    if (hint !== undefined) expect(error["hint"]).toContain(hint);
  });

  it("says the same to people, on stderr", async () => {
    const { code, stdout, stderr } = await runCli(["pubish"], { cwd: temporaryFolder() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe("error USAGE: unknown command 'pubish'\n  Did you mean publish?\nexit 2\n");
  });

  it("an option after -- is the command's own", async () => {
    const folder = workspaceFolder();
    const { code, stdout } = await runCli(["publish", "holdings", "--", ...etl("3"), "--json"], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toContain("holdings now serves r000001 (version 1)");
  });
});

describe("the configuration", () => {
  it("an unknown key is exit 2 with the nearest known one, all faults listed", async () => {
    const folder = workspaceFolder("freshnes = 1\n[vault]\n");
    const error = await errorOf(["config", "validate"], { cwd: folder });
    expect(error).toMatchObject({ code: "CONFIG_INVALID", exit: 2, subject: "stores.holdings.freshnes" });
    expect(error["findings"]).toMatchObject([{ code: "CONFIG_INVALID" }, { code: "FEATURE_MISSING", subject: "vault" }]);
    const { stderr } = await runCli(["status"], { cwd: folder });
    expect(stderr).toContain("  - vault");
    expect(stderr).toMatch(/exit 2\n$/);
  });

  it("--config beats LOCKKEEPER_CONFIG beats the nearest upwards", async () => {
    const folder = workspaceFolder();
    const inner = join(folder, "a/b");
    mkdirSync(inner, { recursive: true });
    for (const name of ["one", "two"]) writeFileSync(join(folder, `${name}.toml`), "format = 1\n");
    const pathOf = async (words: string[], env: Record<string, string>): Promise<unknown> => {
      const { stdout } = await runCli([...words, "config", "validate", "--json"], { cwd: inner, env });
      return (JSON.parse(stdout) as { path: string }).path;
    };
    expect(await pathOf([], {})).toBe(join(folder, "lockkeeper.toml"));
    expect(await pathOf([], { LOCKKEEPER_CONFIG: "../../one.toml" })).toBe(join(folder, "one.toml"));
    expect(await pathOf(["--config", "../../two.toml"], { LOCKKEEPER_CONFIG: "../../one.toml" })).toBe(join(folder, "two.toml"));
  });

  it("none at all: CONFIG_MISSING with what to do", async () => {
    const error = await errorOf([], { cwd: temporaryFolder() });
    expect(error).toMatchObject({ code: "CONFIG_MISSING", exit: 2, hint: expect.stringContaining("lockkeeper init") });
  });

  it("a store that is not in it: exit 10 with the near one", async () => {
    const error = await errorOf(["check", "holding"], { cwd: workspaceFolder() });
    expect(error).toMatchObject({
      code: "STORE_UNKNOWN",
      exit: 10,
      message: expect.stringContaining('did you mean "holdings"?'),
    });
  });

  it("a fallback without a file is a finding: exit 3", async () => {
    const { code, stdout } = await runCli(["config", "validate", "--json"], {
      cwd: workspaceFolder('fallback = "gone.duckdb"\n'),
    });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: "lockkeeper/config@1",
      findings: [{ severity: "warn", store: "holdings" }],
    });
  });
});

describe("the surroundings", () => {
  it("a working folder that was deleted: a clear error, and none with an absolute --config", async () => {
    const workspace = workspaceFolder();
    const gone = mkdtempSync(join(tmpdir(), "lockkeeper-gone-"));
    const script = `rmdir "$PWD" && exec "$0" "$@"`;
    const inGone = async (...words: string[]) => {
      mkdirSync(gone, { recursive: true });
      const child = startProgram(["sh", "-c", script, process.execPath, binPath, ...words], {
        cwd: gone,
        env: { LOCKKEEPER_CONFIG: "" },
      });
      const { code } = await child.ended;
      return { code, stderr: child.stderr(), stdout: child.stdout() };
    };
    const search = await inGone("status");
    rmSync(gone, { recursive: true, force: true });
    expect(search.code).toBe(2);
    expect(search.stderr).toContain("working folder does not exist any more");
    expect((await inGone("status", "--config", join(workspace, "lockkeeper.toml"))).code).toBe(0);
  });

  it("needs no HOME", async () => {
    const folder = workspaceFolder();
    const options = { cwd: folder, env: { HOME: undefined } };
    expect((await runCli(["publish", "holdings", "--", ...etl("3")], options)).code).toBe(0);
    expect((await runCli(["query", "holdings", "SELECT count(*) AS c FROM t"], options)).stdout).toBe(
      "c\n3\n1 row from r000001\n",
    );
  });

  it("NO_COLOR and no terminal: no escape; FORCE_COLOR: escapes; NO_COLOR wins", async () => {
    const folder = workspaceFolder();
    const escape = "\u001b[";
    const status = async (env: Record<string, string>) => (await runCli(["status"], { cwd: folder, env })).stdout;
    expect(await status({})).not.toContain(escape);
    expect(await status({ FORCE_COLOR: "1" })).toContain(escape);
    expect(await status({ FORCE_COLOR: "0" })).not.toContain(escape);
    expect(await status({ FORCE_COLOR: "1", NO_COLOR: "1" })).not.toContain(escape);
  });

  it("a reader of stdout that has gone is no failure (EPIPE)", async () => {
    const folder = workspaceFolder();
    const piped = startProgram(["bash", "-c", '"$0" "$@" | true; exit "${PIPESTATUS[0]}"', process.execPath, binPath, "status"], {
      cwd: folder,
      env: { LOCKKEEPER_CONFIG: "" },
    });
    expect(await piped.ended).toEqual({ code: 0, signal: null });
  });

  it("a full stdout is told: exit 15", async () => {
    const child = startProgram(["sh", "-c", '"$0" "$@" > /dev/full', process.execPath, binPath, "status", "--json"], {
      cwd: workspaceFolder(),
      env: { LOCKKEEPER_CONFIG: "" },
    });
    expect(await child.ended).toEqual({ code: 15, signal: null });
    expect(child.stderr()).toContain("DISK_FULL");
  });

  it("an unexpected error is exit 70 with a short report, the stack only for LOCKKEEPER_DEBUG", async () => {
    const folder = workspaceFolder();
    // A preload that breaks a function of Node's which the search for the configuration needs.
    const breaking = join(folder, "breaking.mjs");
    writeFileSync(breaking, "process.cwd = () => 42;\n");
    const env = { NODE_OPTIONS: `--import=${breaking}` };
    const short = await runCli(["status"], { cwd: folder, env });
    expect(short).toMatchObject({
      code: 70,
      stdout: "",
      stderr: expect.stringMatching(/^error BUG: unexpected: .+\n {2}Please report .+\nexit 70\n$/),
    });
    const debug = await runCli(["status"], { cwd: folder, env: { ...env, LOCKKEEPER_DEBUG: "1" } });
    expect(debug.code).toBe(70);
    expect(debug.stderr).toMatch(/\n {4}at findConfig .*\.js/);
  });
});
