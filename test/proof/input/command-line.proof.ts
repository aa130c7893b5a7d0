import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { etl, runCli, workspaceFolder, type CliResult } from "../../cli/support/cli.ts";
import { binPath, startProgram } from "../../support/child.ts";
import { manifestOf } from "../../support/store.ts";
import { proofLedger } from "../ledger.ts";
import { putBytes, putFifo, putFolder, putLink } from "./support/place.ts";
import { treeOf } from "./support/tree.ts";

const ledger = proofLedger("command-line", "1-surroundings");
const toml = (folder: string): string => join(folder, "lockkeeper.toml");

/** A workspace whose store has a release of three rows. */
async function published(env: Record<string, string | undefined> = {}): Promise<string> {
  const folder = workspaceFolder();
  expect((await runCli(["publish", "holdings", "--", ...etl("3")], { cwd: folder, env })).code).toBe(0);
  return folder;
}

/** Runs the real bin in a shell, which opens or closes its streams. */
async function shell(script: string, words: readonly string[], folder: string): Promise<CliResult> {
  const child = startProgram(["bash", "-c", script, process.execPath, binPath, ...words], {
    cwd: folder,
    env: { LOCKKEEPER_CONFIG: "" },
  });
  return { code: (await child.ended).code, stdout: child.stdout(), stderr: child.stderr() };
}

describe("words", () => {
  const faults: readonly (readonly [words: readonly string[], says: string])[] = [
    [["publish", "holdings", "--no-such"], "--no-such"],
    [["publish", "holdings", "--wait"], "--wait"],
    [["publish", "holdings", "--wait", ""], "--wait"],
    [["rollback", "holdings", "--steps", ""], "--steps"],
    [["rollback", "holdings", "--steps", "1e3"], "--steps"],
    [["query", "holdings", "SELECT 1", "--limit", "9".repeat(400)], "--limit"],
    [["status", "--config", ""], "is not a regular file"],
    [["status", "--config"], "--config"],
    [["", "holdings"], "unknown command ''"],
    [["path", "holdings", "t", "u"], "too many arguments"],
    [["query", "holdings", ""], "statement"],
    [["adopt", "holdings", "--slot", "a", "--slot", "../b"], "--slot"],
  ];
  test("unknown flags, missing and empty values, and repeated flags whose last value is bad: exit 2, naming the word", async () => {
    const folder = await published();
    for (const [words, says] of faults) {
      const { code, stdout, stderr } = await runCli(words, { cwd: folder });
      expect({ words, code, stdout, stderr }).toEqual({ words, code: 2, stdout: "", stderr: expect.stringContaining(says) });
    }
    ledger.add({
      operation: "any command",
      fault: "an unknown flag, a missing or empty value, a repeated flag",
      outcome: "exit 2, naming the word, nothing done",
      count: faults.length,
    });
  });

  test("names of stores that nobody has: exit 10, or 2 where none can be", async () => {
    const folder = await published();
    const names = [
      "",
      "Holdings",
      "höldings",
      "../data",
      "holdings/",
      "__proto__",
      "constructor",
      "x".repeat(100_000),
      "a\u202eb",
    ];
    for (const name of names) {
      for (const words of [
        ["path", name],
        ["rollback", name],
      ]) {
        const { code, stdout, stderr } = await runCli(words, { cwd: folder });
        expect({ name: name.slice(0, 40), code, stdout }).toEqual({
          name: name.slice(0, 40),
          code: name === "" ? code : 10,
          stdout: "",
        });
        expect([2, 10]).toContain(code);
        expect(stderr).toContain("store");
      }
    }
    ledger.add({
      operation: "path and rollback",
      fault: "a store's name that is empty, odd, a path, of 100 KB or one of JavaScript's",
      outcome: "exit 10 or 2, naming it; nothing done",
      count: 2 * names.length,
    });
  });
});

describe("streams", () => {
  const good: readonly (readonly [label: string, script: string])[] = [
    ["stdin closed", '"$0" "$@" <&-'],
    ["stdout closed", '"$0" "$@" >&-'],
    ["stderr closed", '"$0" "$@" 2>&-'],
    ["a reader that is gone", '"$0" "$@" | head -c 0; exit "${PIPESTATUS[0]}"'],
    ["a full stderr", '"$0" "$@" 2>/dev/full'],
  ];
  test("closed streams, a reader that is gone and a full stderr change nothing: exit 0", async () => {
    const folder = await published();
    for (const [label, script] of good) {
      expect({ label, code: (await shell(script, ["status"], folder)).code }).toEqual({ label, code: 0 });
      expect({ label, code: (await shell(script, ["publish", "holdings", "--", ...etl("3")], folder)).code }).toEqual({
        label,
        code: 0,
      });
    }
    ledger.add({
      operation: "status and publish",
      fault: "stdin, stdout or stderr closed, stdout's reader gone, stderr full",
      outcome: "exit 0, done",
      count: 2 * good.length,
    });
  });

  test("a full stdout is told, exit 15, and what was published stays", async () => {
    const folder = await published();
    for (const words of [["status"], ["--json", "query", "holdings", "FROM t"], ["publish", "holdings", "--", ...etl("3")]]) {
      const { code, stderr } = await shell('"$0" "$@" >/dev/full', words, folder);
      expect({ words, code }).toEqual({ words, code: 15 });
      expect(stderr).toContain("stdout");
    }
    expect(manifestOf(join(folder, "data"))).toMatchObject({ version: 2 });
    ledger.add({
      operation: "status, query and publish",
      fault: "stdout is full",
      outcome: "exit 15, saying so; a release that is out stays out",
      count: 3,
    });
  });
});

describe("surroundings", () => {
  test("language, time zone, terminal, HOME and umask: the same result, times in UTC, files for other users", async () => {
    const environments: readonly Record<string, string | undefined>[] = [
      { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
      { TZ: "Pacific/Kiritimati" },
      { TZ: "Pacific/Niue" },
      { TZ: "No/Where" },
      { TERM: "dumb", FORCE_COLOR: "1" },
      { NO_COLOR: "1", FORCE_COLOR: "1" },
      { HOME: undefined, USER: undefined, LOGNAME: undefined },
      { PATH: undefined },
    ];
    for (const env of environments) {
      const started = Date.now();
      const folder = await published(env);
      const { lastUpdated } = manifestOf(join(folder, "data")) as { lastUpdated: string };
      expect([env, lastUpdated.endsWith("Z")]).toEqual([env, true]);
      expect(Math.abs(Date.parse(lastUpdated) - started)).toBeLessThan(3_600_000);
      expect((await runCli(["--json", "status"], { cwd: folder, env })).stdout).toContain(lastUpdated);
    }
    for (const umask of ["000", "077"]) {
      const folder = workspaceFolder();
      expect((await shell(`umask ${umask}; "$0" "$@"`, ["publish", "holdings", "--", ...etl("3")], folder)).code).toBe(0);
      const modes = ["db_manifest.json", "DB_a.duckdb", ".lockkeeper/pins/r000001.pin"].map(
        (name) => statSync(join(folder, "data", name)).mode & 0o777,
      );
      expect([umask, modes]).toEqual([umask, [0o644, 0o644, 0o644]]);
    }
    ledger.add({
      operation: "publish and status",
      fault: "Turkish locale, far and unknown time zones, dumb terminal, no HOME, no PATH, umask 000 and 077",
      outcome: "the same release; times in UTC; files that every reader may open and only the owner may write",
      count: environments.length + 2,
    });
  });

  test("a build command that is not there, and failpoints that are none: named, nothing done", async () => {
    const folder = await published();
    const before = manifestOf(join(folder, "data"));
    const missing = await runCli(["publish", "holdings", "--", "no-such-program"], { cwd: folder, env: { PATH: undefined } });
    expect(missing).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("no-such-program") });
    for (const setting of ["switch.renamed", "switch.renamed=", "=", "a=b=c", "switch.renamed=explode"]) {
      const { code, stderr } = await runCli(["publish", "holdings", "--", ...etl("3")], {
        cwd: folder,
        env: { LOCKKEEPER_FAILPOINTS: setting },
      });
      expect({ setting, code, stderr }).toEqual({ setting, code: 2, stderr: expect.stringContaining("LOCKKEEPER_FAILPOINTS") });
    }
    expect(manifestOf(join(folder, "data"))).toEqual(before);
    ledger.add({
      operation: "publish",
      fault: "a build command that is not there; LOCKKEEPER_FAILPOINTS malformed",
      outcome: "exit 1 or 2, naming it; the manifest stays",
      count: 6,
    });
  });

  test("a working folder that was deleted: exit 2, and 0 with an absolute --config", async () => {
    const folder = await published();
    const gone = join(folder, "gone");
    for (const [words, code] of [
      [["status"], 2],
      [["--config", toml(folder), "status"], 0],
    ] as const) {
      mkdirSync(gone);
      expect((await shell('rmdir "$PWD" && exec "$0" "$@"', words, gone)).code).toBe(code);
    }
    ledger.add({
      operation: "status",
      fault: "the working folder was deleted",
      outcome: "exit 2, saying so; works with an absolute --config",
      count: 2,
    });
  });
});

test("configuration files of any shape: exit 2 naming file and place, or read as what they are", async () => {
  const folder = await published();
  const text = readFileSync(toml(folder), "utf8");
  const bad: readonly (() => void)[] = [
    () => putFolder(toml(folder)),
    () => putFifo(toml(folder)),
    () => putLink(toml(folder), "lockkeeper.toml"),
    () => putLink(toml(folder), "/dev/zero"),
    () => putBytes(toml(folder), `${text}# ${"x".repeat(5e6)}\n`),
    () => putBytes(toml(folder), "[stores.holdings\n"),
    () => putBytes(toml(folder), ""),
    () => putBytes(toml(folder), Buffer.from([0xff, 0xfe, 0x66, 0x00])),
    () => putBytes(toml(folder), `${text}\0`),
    () => putBytes(toml(folder), `${text}\n${text}`),
    () => putBytes(toml(folder), text.replace(`"data"`, `"da\\u0000ta"`)),
    () => putBytes(toml(folder), text.replace("stores.holdings", "stores.__proto__")),
  ];
  for (const [index, lay] of bad.entries()) {
    lay();
    const { code, stdout, stderr } = await runCli(["status"], { cwd: folder });
    expect({ index, code, stdout }).toEqual({ index, code: 2, stdout: "" });
    expect(stderr).toContain(toml(folder));
  }
  const fine = [`\uFEFF${text}`, text.replaceAll("\n", "\r\n"), text.trimEnd(), `${text}\n# ${"ö".repeat(1000)}\n`];
  for (const [index, each] of fine.entries()) {
    putBytes(toml(folder), each);
    expect({ index, ...(await runCli(["path", "holdings"], { cwd: folder })) }).toMatchObject({
      index,
      code: 0,
      stdout: `${join(folder, "data/DB_a.duckdb")}\n`,
    });
  }
  ledger.add({
    operation: "status",
    fault:
      "lockkeeper.toml is a folder, a FIFO, a link to itself or a device, of 5 MB, empty, cut off, doubled, UTF-16 or with NUL",
    outcome: "exit 2, naming the file",
    count: bad.length,
  });
  ledger.add({
    operation: "path",
    fault: "lockkeeper.toml with a byte order mark, with CRLF, without a last newline",
    outcome: "read as what it says",
    count: fine.length,
  });
});

test("a bad manifest through the real commands: exit codes, file and fault on stderr, nothing changed", async () => {
  const folder = await published();
  const data = join(folder, "data");
  const manifest = join(data, "db_manifest.json");
  const good = readFileSync(manifest);
  const cases: readonly (readonly [lay: () => void, exit: number, says: string])[] = [
    [() => putBytes(manifest, ""), 13, "is empty"],
    [() => putBytes(manifest, good.subarray(0, 100)), 13, "is not JSON"],
    [() => putBytes(manifest, `{"active": "../x", "version": 1}`), 13, '"active" is "../x"'],
    [() => putBytes(manifest, `{"active": "b", "version": 1, "formatVersion": 9}`), 14, "has formatVersion 9"],
    [() => putBytes(manifest, `{"active": "a", "version": 7}`), 12, "another program"],
    [() => putFifo(manifest), 13, "is not a regular file"],
    [() => rmSync(manifest), 12, "was deleted"],
  ];
  for (const [lay, exit, says] of cases) {
    lay();
    const tree = treeOf(data);
    for (const words of [
      ["rollback", "holdings"],
      ["publish", "holdings", "--", ...etl("3")],
    ]) {
      const { code, stdout, stderr } = await runCli(words, { cwd: folder });
      expect({ words, code, stdout, stderr }).toEqual({ words, code: exit, stdout: "", stderr: expect.stringContaining(says) });
    }
    expect(await runCli(["status"], { cwd: folder })).toMatchObject({ code: 0, stdout: expect.stringContaining(says) });
    expect(treeOf(data)).toEqual(tree);
  }
  ledger.add({
    operation: "rollback, publish and status",
    fault: "a manifest that is empty, cut off, a way out, of a higher format, foreign, a FIFO, deleted",
    outcome: "exit 12, 13 or 14 with file and fault on stderr; status tells it, exit 0; every byte as it was",
    count: 3 * cases.length,
  });
});

test("init takes no source that is no file, and writes nothing then", async () => {
  const folder = workspaceFolder();
  rmSync(toml(folder));
  putFifo(join(folder, "fifo.duckdb"));
  const sources = ["nowhere.duckdb", "fifo.duckdb", ".", "/dev/zero"];
  for (const source of sources) {
    const { code, stdout, stderr } = await runCli(["init", "--from", source, "holdings"], { cwd: folder });
    expect([source, [2, 10, 13].includes(code ?? -1), stdout]).toEqual([source, true, ""]);
    expect(stderr).toContain(source);
  }
  expect(readdirSync(folder)).toEqual(["fifo.duckdb"]);
  ledger.add({
    operation: "init --from",
    fault: "a source that is missing, a FIFO, a folder or a device",
    outcome: "an exit of its own, naming the file; nothing written",
    count: sources.length,
  });
});
