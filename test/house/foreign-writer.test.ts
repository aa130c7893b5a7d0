import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseManifest, renderManifest } from "../../src/model/manifest.ts";
import { acquireLock } from "../../src/platform/lock.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readText } from "./sources.ts";

const format = readText("docs/format.md");
const writer = /^```python\n([^]*?)^```/m.exec(format)?.[1] ?? "";
const python = spawnSync("python3", ["-c", "import fcntl"]);
const reason = python.error?.message ?? python.stderr.toString().trim();
const why = python.status === 0 ? "" : ` (skipped: python3 cannot run here: ${reason})`;

/** The program of docs/format.md; its build waits for a line on standard input, then writes `content` into the slot. */
function startWriter(folder: string, content: string) {
  const rest = [
    "import sys",
    "def build(path):",
    '    print("building", os.path.basename(path), flush=True)',
    "    sys.stdin.readline()",
    `    with open(path, "w") as file: file.write(${JSON.stringify(content)})`,
    `print("version", publish(${JSON.stringify(folder)}, "holdings", build), flush=True)`,
  ];
  return startProgram(["python3", "-c", `${writer}\n${rest.join("\n")}\n`]);
}

function manifestIn(folder: string) {
  const path = join(folder, "db_manifest.json");
  return parseManifest(readFileSync(path), path);
}

test("docs/format.md has a writer in Python", () => {
  expect(writer).toContain("def publish(folder, basename, build):");
});

describe.skipIf(why !== "")(`the writer of docs/format.md${why}`, () => {
  test("switches between the slots, and leaves nothing but a manifest that readers take", async () => {
    const folder = temporaryFolder();
    for (const [version, active] of [
      [1, "a"],
      [2, "b"],
      [3, "a"],
    ] as const) {
      const child = startWriter(folder, `release ${version}`);
      expect(await child.line("building")).toBe(`building holdings_${active}.duckdb`);
      child.send("go");
      expect(await child.line("version")).toBe(`version ${version}`);
      expect(manifestIn(folder)).toMatchObject({ active, version, own: undefined });
      expect(readFileSync(join(folder, `holdings_${active}.duckdb`), "utf8")).toBe(`release ${version}`);
    }
    expect(readdirSync(folder).toSorted()).toEqual([
      ".writer.lock",
      "db_manifest.json",
      "holdings_a.duckdb",
      "holdings_b.duckdb",
    ]);
  });

  test("leaves the manifest alone when its build fails or leaves a write-ahead log", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "db_manifest.json"), '{"active":"a","version":7}');
    writeFileSync(join(folder, "holdings_b.duckdb.wal"), "log");
    const child = startWriter(folder, "x");
    await child.line("building");
    child.send("go");
    expect((await child.ended).code).toBe(1);
    expect(child.stderr()).toContain("write-ahead log");
    expect(readFileSync(join(folder, "db_manifest.json"), "utf8")).toBe('{"active":"a","version":7}');
  });

  test("fcntl.lockf and our writer lock exclude each other, both ways", async () => {
    const folder = temporaryFolder();
    const platform = nodePlatform();
    const request = {
      path: join(folder, ".writer.lock"),
      code: "WRITER_LOCKED",
      what: "the writer lock",
      purpose: "test",
      waitMs: 0,
    } as const;
    const child = startWriter(folder, "x");
    await child.line("building");
    await expect(acquireLock(platform, request)).rejects.toMatchObject({ code: "WRITER_LOCKED" });
    child.send("go");
    await child.line("version");
    await child.ended;

    const held = await acquireLock(platform, request);
    const probe = [
      "import fcntl, sys",
      `file = open(${JSON.stringify(request.path)}, "r+b")`,
      "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    ];
    const locked = spawnSync("python3", ["-c", probe.join("\n")], { encoding: "utf8" });
    expect(locked.stderr).toMatch(/BlockingIOError|PermissionError/);
    await held.release();
    expect(spawnSync("python3", ["-c", probe.join("\n")]).status).toBe(0);
  });
});

test("a manifest's digest is what docs/format.md says it is", () => {
  const bytes = renderManifest({
    active: "b",
    version: 43,
    lastUpdated: "2026-11-21T03:00:00.000Z",
    store: "holdings",
    layout: "slots",
    basename: "holdings",
    release: "r000043",
    commit: "3f9c0c1d5e7f4a2b8c6d9e0f1a2b3c4d",
    record: { path: ".lockkeeper/records/r000043.json", sha256: "0".repeat(64) },
    previous: { active: "a", version: 42, release: "r000042" },
    reason: "publish",
    note: 'ünïcode \u2028 and "quotes"',
  });
  const { digest, ...others } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  const pairs = Object.keys(others)
    .toSorted()
    .map((name) => [name, others[name]]);
  expect(digest).toBe(createHash("sha256").update(JSON.stringify(pairs)).digest("hex"));
  expect(parseManifest(bytes, "m").own).toMatchObject({ release: "r000043" });
  const edited = Buffer.from(bytes.toString("utf8").replace('"version": 43', '"version": 44'));
  expect(parseManifest(edited, "m")).toMatchObject({ version: 44, own: undefined });
});

test("the smallest manifest of docs/format.md is one", () => {
  const small = /```json\n(\{ "active": "a", "version": 1[^]*?)```/.exec(format)?.[1] ?? "";
  expect(parseManifest(Buffer.from(small), "m")).toMatchObject({ active: "a", version: 1, lastUpdated: "2026-11-21T03:00:00Z" });
});
