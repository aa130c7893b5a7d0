import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stoppedAt, stoppingAt } from "../proof/signals/stopped.ts";
import { binPath, startProgram } from "../support/child.ts";
import { errorOf, etl, jsonOf, runCli, startCli, workspaceFolder } from "./support/cli.ts";

const lockkeeper = `'${process.execPath}' '${binPath}'`;
const writer = etl("7")
  .map((word) => `'${word}'`)
  .join(" ");

/** Runs a shell script as an orchestrator does: an environment and a process of its own each time. */
async function shell(cwd: string, name: string, lines: readonly string[]) {
  writeFileSync(join(cwd, name), ["set -eu", ...lines, ""].join("\n"));
  const child = startProgram(["sh", name], { cwd, env: { DUCKDB_PATH: undefined, LOCKKEEPER_CONFIG: undefined } });
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

const beginLines = [
  `eval "$(${lockkeeper} build begin holdings --label "run 'one'" --export)"`,
  'printf "%s\\n" "$LOCKKEEPER_BUILD" > build.id',
  writer,
];
const commitLines = [`exec ${lockkeeper} --json build commit "$(cat build.id)"`];

describe("an orchestrator of two shell scripts", () => {
  it("begin writes, commit publishes, hours and a publish between them", async () => {
    const cwd = workspaceFolder();
    const begun = await shell(cwd, "begin.sh", beginLines);
    expect(begun).toMatchObject({ code: 0, stderr: "" });
    expect((await runCli(["publish", "holdings", "--", ...etl("2")], { cwd })).code).toBe(0);
    const list = await runCli(["build", "list"], { cwd });
    expect(list.stdout).toMatch(/open .* run 'one'$/m);
    const { code, stdout } = await shell(cwd, "commit.sh", commitLines);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: "lockkeeper/publish@1",
      outcome: "switched",
      version: 2,
      previous: { version: 1 },
      tables: [{ name: "t", rows: 7 }],
    });
    const again = await shell(cwd, "commit.sh", commitLines);
    expect(again).toMatchObject({ code: 10, stdout: "" });
    expect(again.stderr).toContain("committed already, as r000002");
  });

  it("a check refuses the build: exit 3 and its report; an abort instead of a commit: nothing is left", async () => {
    const cwd = workspaceFolder('checks = [{ check = "rows", table = "t", min = 100 }]\n');
    expect((await shell(cwd, "begin.sh", beginLines)).code).toBe(0);
    const { code, stdout } = await shell(cwd, "commit.sh", commitLines);
    expect(code).toBe(3);
    const { outcome, quarantine } = JSON.parse(stdout) as { outcome: string; quarantine: string };
    expect(outcome).toBe("refused");
    expect(readdirSync(quarantine)).toContain("report.json");
    expect((await shell(cwd, "begin.sh", beginLines)).code).toBe(0);
    const build = readFileSync(join(cwd, "build.id"), "utf8").trim();
    const { document } = await jsonOf(["build", "abort", build, "--reason", "the run was cancelled"], { cwd });
    expect(document).toMatchObject({ schema: "lockkeeper/builds@1", builds: [{ build, store: "holdings", state: "aborted" }] });
    expect(await errorOf(["build", "abort", build], { cwd })).toMatchObject({ code: "BUILD_UNKNOWN", exit: 10 });
    expect((await runCli(["events"], { cwd })).stdout).toContain("aborted: the run was cancelled");
    expect(readdirSync(join(cwd, "data/.lockkeeper/builds"))).toEqual([]);
  });
});

it("Ctrl-C during a commit switches nothing and keeps the build, which is then committed", async () => {
  const cwd = workspaceFolder();
  expect((await shell(cwd, "begin.sh", beginLines)).code).toBe(0);
  const build = readFileSync(join(cwd, "build.id"), "utf8").trim();
  const commit = startCli(["--json", "build", "commit", build], { cwd, env: stoppingAt("install.recorded") });
  await stoppedAt(commit, "install.recorded");
  commit.process.kill("SIGINT");
  commit.process.kill("SIGCONT");
  expect(await commit.ended).toEqual({ code: 130, signal: null });
  expect(commit.stdout()).toBe("");
  expect(existsSync(join(cwd, "data/db_manifest.json"))).toBe(false);
  const { document } = await jsonOf(["build", "commit", build], { cwd });
  expect(document).toMatchObject({ outcome: "switched", version: 1, build });
});

describe("words and documents", () => {
  it("a build is found in whichever store has it; begin, renew and list tell where and until when", async () => {
    const cwd = workspaceFolder('[stores.marts]\nkind = "release"\ndir = "marts"\n');
    const { document: begun } = await jsonOf(["build", "begin", "marts", "--lease", "2h"], { cwd });
    const build = String(begun["build"]);
    const dir = join(cwd, "marts/.lockkeeper/builds", build);
    expect(begun).toMatchObject({
      schema: "lockkeeper/build@1",
      store: "marts",
      path: join(dir, "marts.duckdb"),
      dir,
      leaseMs: 7_200_000,
      environment: { LOCKKEEPER_BUILD: build, LOCKKEEPER_STORE: "marts", LOCKKEEPER_BUILD_DIR: dir },
    });
    const renewed = await runCli(["build", "renew", build, "--lease", "3d"], { cwd });
    expect(renewed.stdout).toContain(`build ${build} has its lease until `);
    const { document } = await jsonOf(["build", "list", "marts"], { cwd });
    expect(document).toMatchObject({
      schema: "lockkeeper/builds@1",
      builds: [{ build, store: "marts", state: "open", bytes: 0 }],
    });
    expect((await runCli(["build", "list", "holdings"], { cwd })).stdout).toBe("No build is under way.\n");
    const planned = await jsonOf(["build", "commit", build, "--dry-run"], { cwd });
    expect(planned.document).toMatchObject({ outcome: "planned", plan: { store: "marts" } });
    expect((await runCli(["build", "abort", build, "--dry-run"], { cwd })).stdout).toContain("would remove build");
    expect((await runCli(["status"], { cwd })).stdout).toContain(`marts: build ${build} is open until `);
    expect((await runCli(["locks"], { cwd })).stdout).toMatch(new RegExp(`folder of ${build} +lease open, `));
    expect((await runCli(["build", "abort", build], { cwd })).stdout).toContain(`removed build ${build}, 0 B`);
  });

  it("what cannot be is a usage error, and a build that is in no store is not found", async () => {
    const cwd = workspaceFolder();
    expect(await errorOf(["build", "begin", "holdings", "--lease", "24"], { cwd })).toMatchObject({ code: "USAGE", exit: 2 });
    expect(await errorOf(["build", "begin", "holdings", "--lease", "1ms"], { cwd })).toMatchObject({
      code: "USAGE",
      subject: "lease",
    });
    expect(await errorOf(["build", "begin", "nope"], { cwd })).toMatchObject({ code: "STORE_UNKNOWN", exit: 10 });
    expect(await errorOf(["build", "commit", "../../x"], { cwd })).toMatchObject({ code: "BUILD_UNKNOWN", exit: 10 });
    expect(await errorOf(["build"], { cwd })).toMatchObject({ code: "USAGE" });
    expect(existsSync(join(cwd, "data"))).toBe(false);
  });
});
