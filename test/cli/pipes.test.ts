import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { onStderr, stoppedAt, stoppingAt } from "../proof/signals/stopped.ts";
import { errorOf, etl, jsonOf, runCli, startCli, workspaceFolder } from "./support/cli.ts";
import { messagesIn, paramsOf, pipesSession, pipesVariable, stepContext, type ToldMessage } from "./support/pipes.ts";

const publish = ["publish", "holdings", "--", ...etl("3")];
const refusing = 'checks = [{ check = "rows", table = "t", min = 100 }, { check = "not_null", table = "t", columns = ["n"] }]\n';

/** What holds of every session: the protocol's version, one beginning, one end, nothing after it. */
function expectWhole(messages: readonly ToldMessage[]): void {
  expect(messages.every((message) => message.__dagster_pipes_version === "0.1")).toBe(true);
  const methods = messages.map(({ method }) => method);
  expect([methods[0], methods.at(-1)]).toEqual(["opened", "closed"]);
  expect(methods.filter((method) => method === "opened" || method === "closed")).toHaveLength(2);
  expect(messages[0]?.params).toEqual({ extras: {} });
}

/** Why a session was closed; `undefined` where all went well. */
function exceptionIn(messages: readonly ToldMessage[]): Record<string, unknown> | undefined {
  expectWhole(messages);
  return messages.at(-1)?.params["exception"] as Record<string, unknown> | undefined;
}

/** Reported assets and checks, and nothing else. */
function reportedIn(messages: readonly ToldMessage[]): ToldMessage[] {
  return messages.filter(({ method }) => method.startsWith("report_"));
}

describe("a release that is out:", () => {
  it("is told: phases, warnings, the build's messages, one materialisation, the declared checks, the end", async () => {
    const checks =
      'checks = [{ check = "rows", table = "t", min = 2 }, { check = "rows", table = "t", min = 9, severity = "warn" }]\n';
    const cwd = workspaceFolder(checks);
    const config = readFileSync(join(cwd, "lockkeeper.toml"), "utf8");
    writeFileSync(join(cwd, "lockkeeper.toml"), config.replace("[stores", '[serve]\nlisten = "127.0.0.1:4711"\n[stores'));
    const session = pipesSession(stepContext(["db/holdings"], ["rows_t", "rows_t_1", "release_checks", "other"]));
    const says = 'echo \'{"type":"progress","fraction":0.5,"text":"half"}\' >> "$LOCKKEEPER_MESSAGES"; echo raw; exec "$@"';
    const words = ["publish", "holdings", "--", "sh", "-c", says, "sh", ...etl("3")];
    const { code, document } = await jsonOf(words, { cwd, env: session.env });
    expect([code, document["outcome"]]).toEqual([0, "switched"]);
    const told = session.told();
    expect(exceptionIn(told)).toBeUndefined();

    const logged = paramsOf(told, "log").map(({ level, message }) => `${String(level)} ${String(message)}`);
    for (const line of ["INFO begin", "INFO build: 50 % half", "INFO switch r000001", "INFO done"])
      expect(logged).toContain(line);
    expect(logged).toContain("INFO holdings now serves r000001 (version 1)");
    expect(logged).toContain("WARNING check rows_t failed: t has 3 rows; expected at least 9");
    expect(logged.join("\n")).not.toContain("raw");

    expect(paramsOf(told, "report_asset_materialization")).toEqual([
      {
        asset_key: "db/holdings",
        data_version: "r000001",
        metadata: expect.objectContaining({
          release: { type: "text", raw_value: "r000001" },
          version: { type: "int", raw_value: 1 },
          rows: { type: "json", raw_value: { t: 3 } },
          url: { type: "url", raw_value: "http://127.0.0.1:4711/v1/stores/holdings/releases/r000001" },
        }),
      },
    ]);
    const verdicts = paramsOf(told, "report_asset_check").map((params) => [
      params["check_name"],
      params["passed"],
      params["severity"],
    ]);
    expect(verdicts).toEqual([
      ["rows_t", false, "WARN"],
      ["rows_t_1", true, "ERROR"],
      ["release_checks", false, "WARN"],
      ["other", false, "WARN"],
    ]);
  });

  it("is a materialisation of each of several assets: with the rows of its table, or of the release alone", async () => {
    const session = pipesSession(stepContext(["main/T", "web"], { web: ["opens"] }));
    expect((await runCli(publish, { cwd: workspaceFolder(), env: session.env })).code).toBe(0);
    const [table, web, check, ...more] = reportedIn(session.told());
    expect(table?.params).toMatchObject({
      asset_key: "main/T",
      metadata: { "dagster/row_count": { type: "int", raw_value: 3 } },
    });
    expect(web?.params).toMatchObject({ asset_key: "web", data_version: "r000001" });
    expect(web?.params["metadata"]).not.toHaveProperty("dagster/row_count");
    expect(check?.params).toMatchObject({ asset_key: "web", check_name: "opens", passed: true });
    expect(more).toEqual([]);
  });

  it("is a line of the log in an op, which has no asset", async () => {
    const session = pipesSession(stepContext(null));
    expect((await runCli(publish, { cwd: workspaceFolder(), env: session.env })).code).toBe(0);
    expect(exceptionIn(session.told())).toBeUndefined();
    expect(reportedIn(session.told())).toEqual([]);
    expect(JSON.stringify(session.told())).toContain("now serves r000001");
  });

  it("an asset that declares no check is told of none", async () => {
    const session = pipesSession(stepContext(["holdings"]));
    expect((await runCli(publish, { cwd: workspaceFolder(), env: session.env })).code).toBe(0);
    expect(reportedIn(session.told()).map(({ method }) => method)).toEqual(["report_asset_materialization"]);
  });

  it("build commit tells the same; begin, list and abort tell nothing", async () => {
    const cwd = workspaceFolder();
    const quiet = pipesSession(stepContext(["holdings"]));
    const { document } = await jsonOf(["build", "begin", "holdings"], { cwd, env: quiet.env });
    expect(JSON.stringify(document["environment"])).not.toContain("PIPES");
    const { path } = document as { readonly path: string };
    const [program = "", ...words] = etl("4");
    const { startProgram } = await import("../support/child.ts");
    expect((await startProgram([program, ...words], { cwd, env: { DUCKDB_PATH: path } }).ended).code).toBe(0);
    expect((await runCli(["build", "list"], { cwd, env: quiet.env })).code).toBe(0);
    expect(quiet.told()).toEqual([]);
    const session = pipesSession(stepContext(["holdings"], ["opens"]));
    expect((await runCli(["build", "commit", String(document["build"])], { cwd, env: session.env })).code).toBe(0);
    expect(exceptionIn(session.told())).toBeUndefined();
    expect(reportedIn(session.told()).map(({ method }) => method)).toEqual([
      "report_asset_materialization",
      "report_asset_check",
    ]);
  });
});

describe("no release:", () => {
  it("a refused build is told by its checks and an exception; nothing is materialised, also where another release is active", async () => {
    const cwd = workspaceFolder();
    expect((await runCli(publish, { cwd })).code).toBe(0);
    writeFileSync(join(cwd, "lockkeeper.toml"), readFileSync(join(cwd, "lockkeeper.toml"), "utf8") + refusing);
    const session = pipesSession(stepContext(["holdings"], ["rows_t", "not_null_t", "release_checks", "other"]));
    const { code, document } = await jsonOf(publish, { cwd, env: session.env });
    expect([code, document["outcome"]]).toEqual([3, "refused"]);
    const told = session.told();
    expect(exceptionIn(told)).toEqual({
      name: "ReleaseRefused",
      message: expect.stringMatching(/^ReleaseRefused: holdings: [^]*rows_t: t has 3 rows[^]*It is kept for a look in /),
      stack: [],
      cause: null,
      context: null,
    });
    expect(paramsOf(told, "report_asset_materialization")).toEqual([]);
    const verdicts = paramsOf(told, "report_asset_check").map((params) => [
      params["check_name"],
      params["passed"],
      params["severity"],
    ]);
    expect(verdicts).toEqual([
      ["rows_t", false, "ERROR"],
      ["not_null_t", true, "ERROR"],
      ["release_checks", false, "ERROR"],
    ]);
    expect(paramsOf(told, "log")).toContainEqual({
      level: "ERROR",
      message: "check rows_t failed: t has 3 rows; expected at least 100",
    });
  });

  it.each([
    ["a build that fails", ["publish", "holdings", "--", ...etl("1", "fail")], "BUILD_FAILED"],
    ["a store that there is not", ["publish", "holding", "--", "true"], "STORE_UNKNOWN"],
    ["words that do not fit", ["publish", "holdings", "--base", "b", "--", "true"], "USAGE"],
    ["a build that there is not", ["build", "commit", "3f9c0c1d5e7f"], "BUILD_UNKNOWN"],
    ["a plan, of which Dagster would make a materialisation", ["publish", "holdings", "--dry-run", "--", "true"], "USAGE"],
  ])("%s closes the session with its code", async (_title, words, code) => {
    const session = pipesSession(stepContext(["holdings"], ["opens"]));
    const error = await errorOf(words, { cwd: workspaceFolder(), env: session.env });
    expect(error["code"]).toBe(code);
    expect(exceptionIn(session.told())).toMatchObject({ name: code, message: expect.stringContaining(String(error["message"])) });
    expect(reportedIn(session.told())).toEqual([]);
  });

  it("a plan is fine in an op; a configuration that is not valid closes the session", async () => {
    const cwd = workspaceFolder();
    const op = pipesSession(stepContext([]));
    expect((await runCli(["publish", "holdings", "--dry-run", "--", "true"], { cwd, env: op.env })).code).toBe(0);
    expect(exceptionIn(op.told())).toBeUndefined();
    writeFileSync(join(cwd, "lockkeeper.toml"), "format = 1\nmore = 2\n");
    const session = pipesSession(stepContext(["holdings"]));
    expect((await runCli(publish, { cwd, env: session.env })).code).toBe(2);
    expect(exceptionIn(session.told())).toMatchObject({ name: "CONFIG_INVALID" });
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s closes the session as interrupted, exit %d", async (signal, exit) => {
    const session = pipesSession(stepContext(["holdings"], ["opens"]));
    const child = startCli(["publish", "holdings", "--", ...etl("2", "wait")], { cwd: workspaceFolder(), env: session.env });
    await onStderr(child, /^building \d+$/m);
    child.process.kill(signal);
    expect(await child.ended).toEqual({ code: exit, signal: null });
    expect(exceptionIn(session.told())).toMatchObject({ name: "INTERRUPTED" });
    expect(reportedIn(session.told())).toEqual([]);
  });

  it("a second signal, which ends the process at once, leaves a last line, too", async () => {
    const session = pipesSession(stepContext(["holdings"]));
    const child = startCli(["publish", "holdings", "--", ...etl("2", "wait-stubborn")], {
      cwd: workspaceFolder(),
      env: session.env,
    });
    await onStderr(child, /^building \d+$/m);
    child.process.kill("SIGTERM");
    await onStderr(child, /^asked to end$/m);
    child.process.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 143, signal: null });
    expect(exceptionIn(session.told())).toMatchObject({ name: "INTERRUPTED" });
  });

  it("nothing is materialised before the switch", async () => {
    const session = pipesSession(stepContext(["holdings"], ["opens"]));
    const child = startCli(publish, { cwd: workspaceFolder(), env: { ...session.env, ...stoppingAt("switch.synced") } });
    await stoppedAt(child, "switch.synced");
    expect(JSON.stringify(session.told())).toContain("switch r000001");
    expect(reportedIn(session.told())).toEqual([]);
    child.process.kill("SIGCONT");
    expect((await child.ended).code).toBe(0);
    expect(reportedIn(session.told())).toHaveLength(2);
  });
});

it("the build's command does not inherit the session", async () => {
  const session = pipesSession(stepContext(["holdings"]));
  const words = ["publish", "holdings", "--", "sh", "-c", 'env > env.txt; exec "$@"', "sh", ...etl("1")];
  const cwd = workspaceFolder();
  expect((await runCli(words, { cwd, env: { ...session.env, DAGSTER_HOME: "/x" } })).code).toBe(0);
  const environment = readFileSync(join(cwd, "env.txt"), "utf8");
  expect(environment).toContain("DAGSTER_HOME=/x");
  expect(environment).not.toContain("DAGSTER_PIPES_");
});

describe("variables that Dagster did not write so: exit 2, and nothing is published", () => {
  const good = pipesVariable({ path: "messages" });
  const bomb = deflateSync(Buffer.alloc(17 * 1024 * 1024)).toString("base64");
  it.each([
    ["not base64", { DAGSTER_PIPES_CONTEXT: "{}" }, "DAGSTER_PIPES_CONTEXT is not base64"],
    ["not zlib", { DAGSTER_PIPES_CONTEXT: "aGVsbG8=" }, "DAGSTER_PIPES_CONTEXT does not hold zlib data"],
    [
      "cut short",
      { DAGSTER_PIPES_CONTEXT: pipesVariable({ data: {} }).slice(0, 8) },
      "DAGSTER_PIPES_CONTEXT does not hold zlib data",
    ],
    ["not JSON", { DAGSTER_PIPES_CONTEXT: deflateSync("{").toString("base64") }, "DAGSTER_PIPES_CONTEXT does not hold JSON"],
    ["far too large", { DAGSTER_PIPES_CONTEXT: bomb }, "does not hold zlib data of at most 16777216 bytes"],
    ["of another kind", { DAGSTER_PIPES_CONTEXT: pipesVariable({ bucket: "b" }) }, 'has neither "path" nor "data"'],
    ["a file that there is not", { DAGSTER_PIPES_CONTEXT: pipesVariable({ path: "none" }) }, "names none, which does not exist"],
    [
      "assets that are no list",
      { DAGSTER_PIPES_CONTEXT: pipesVariable({ data: { asset_keys: 3 } }) },
      "DAGSTER_PIPES_CONTEXT.data.asset_keys",
    ],
    ["no messages", { DAGSTER_PIPES_MESSAGES: undefined }, "DAGSTER_PIPES_MESSAGES is not set"],
    ["messages nowhere", { DAGSTER_PIPES_MESSAGES: pipesVariable({}) }, "DAGSTER_PIPES_MESSAGES has neither"],
  ])("%s", async (_title, changed, message) => {
    const cwd = workspaceFolder();
    const env = { DAGSTER_PIPES_CONTEXT: pipesVariable({ data: {} }), DAGSTER_PIPES_MESSAGES: good, ...changed };
    const error = await errorOf(publish, { cwd, env });
    expect(error).toMatchObject({ code: "USAGE", exit: 2, hint: expect.stringContaining("take both out of the environment") });
    expect(error["message"]).toContain(message);
    expect((await runCli(["releases", "list", "holdings"], { cwd })).stdout).not.toContain("r0000");
  });

  it("checks that cannot be told are an error before the build", async () => {
    const session = pipesSession(stepContext(["a", "b"], ["opens"]));
    const cwd = workspaceFolder();
    expect(await errorOf(publish, { cwd, env: session.env })).toMatchObject({ code: "USAGE", subject: "extras.lockkeeper" });
    expect(exceptionIn(session.told())).toMatchObject({ name: "USAGE" });
  });

  it("an empty variable is none, and other commands do not look", async () => {
    const cwd = workspaceFolder();
    expect((await runCli(publish, { cwd, env: { DAGSTER_PIPES_CONTEXT: "" } })).code).toBe(0);
    expect((await runCli(["status"], { cwd, env: { DAGSTER_PIPES_CONTEXT: "{" } })).code).toBe(0);
  });
});

describe("where messages go", () => {
  const context = { DAGSTER_PIPES_CONTEXT: pipesVariable({ data: stepContext(["holdings"]) }) };

  it("a file that cannot be written is a warning, and fails no publish", async () => {
    const cwd = workspaceFolder();
    mkdirSync(join(cwd, "folder"));
    const env = { ...context, DAGSTER_PIPES_MESSAGES: pipesVariable({ path: "folder" }) };
    const { code, stderr } = await runCli(publish, { cwd, env });
    expect(code).toBe(0);
    expect(stderr).toContain("warning Dagster is told nothing more: cannot append to folder: EISDIR");
  });

  it.skipIf(process.platform !== "linux")("so is a disk that is full", async () => {
    const env = { ...context, DAGSTER_PIPES_MESSAGES: pipesVariable({ path: "/dev/full" }) };
    const { code, stderr } = await runCli(publish, { cwd: workspaceFolder(), env });
    expect(code).toBe(0);
    expect(stderr.match(/^warning Dagster is told nothing more: .*ENOSPC$/gm)).toHaveLength(1);
  });

  it("lines of standard output come before the result", async () => {
    const env = { ...context, DAGSTER_PIPES_MESSAGES: pipesVariable({ stdio: "stdout" }) };
    const { code, stdout } = await runCli(["--json", ...publish], { cwd: workspaceFolder(), env });
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(JSON.parse(lines.at(-2) ?? "")).toMatchObject({ schema: "lockkeeper/publish@1", outcome: "switched" });
    expectWhole(messagesIn(`${lines.slice(0, -2).join("\n")}\n`));
  });

  it.each([
    ["as they come", "stdio", []],
    ["at the end", "buffered_stdio", []],
    ["without the build's output", "stdio", ["--quiet"]],
  ])("lines of standard error are whole beside a build that leaves its line open: %s", async (_title, key, words) => {
    const env = { ...context, DAGSTER_PIPES_MESSAGES: pipesVariable({ [key]: "stderr" }) };
    const build = ["sh", "-c", 'printf open; exec "$@"', "sh", ...etl("1")];
    const { code, stderr } = await runCli([...words, "publish", "holdings", "--", ...build], { cwd: workspaceFolder(), env });
    expect(code).toBe(0);
    const lines = stderr.split("\n").filter((line) => line.includes("__dagster_pipes_version"));
    expectWhole(messagesIn(`${lines.join("\n")}\n`));
  });
});

it("a build that says more than can be logged is cut off, and the end is told all the same", async () => {
  const session = pipesSession(stepContext(["holdings"]));
  const says =
    'for n in $(seq 1500); do echo "{\\"type\\":\\"log\\",\\"text\\":\\"line $n\\"}"; done >> "$LOCKKEEPER_MESSAGES"; exec "$@"';
  const words = ["publish", "holdings", "--", "sh", "-c", says, "sh", ...etl("1")];
  expect((await runCli(words, { cwd: workspaceFolder(), env: session.env })).code).toBe(0);
  const told = session.told();
  expect(exceptionIn(told)).toBeUndefined();
  expect(paramsOf(told, "log")).toHaveLength(1_002);
  expect(reportedIn(told)).toHaveLength(1);
});
