import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { openReader } from "../../src/workspace/open-reader.ts";
import { binPath } from "../support/child.ts";
import { storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { startDuckdbFile, whyNoDuckdb } from "./support.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function run(folder: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = startDuckdbFile([file], { cwd: folder, env });
  const { code } = await child.ended;
  expect(child.stderr()).toBe("");
  expect(code).toBe(0);
  return child.stdout();
}

describe.skipIf(whyNoDuckdb !== "")("with duckdb for Python", () => {
  test("docs/python.md: the snippet builds, and readers of ours follow", async () => {
    const page = readFileSync(join(root, "docs/python.md"), "utf8");
    const [, snippet = ""] = /<!-- run: build -->\n```python\n([\s\S]*?)```/.exec(page) ?? [];
    expect(snippet).toContain("with build_slot(");
    const folder = temporaryFolder();
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "etl.py"), snippet);
    expect(await run(folder, "etl.py")).toBe("holdings_a.duckdb\n");
    const reader = await openReader({ dir: join(folder, "data/holdings") });
    onTestFinished(() => reader.close());
    expect(await reader.query("SELECT cik, asset FROM holdings")).toMatchObject({ rows: [[1_067_983, "AAPL"]], version: 1 });
    // The readers of the slots do not stand in its way, nor it in theirs.
    for (const version of [2, 3, 4, 5]) {
      expect(await run(folder, "etl.py")).toBe(`holdings_${version % 2 === 0 ? "b" : "a"}.duckdb\n`);
      expect((await reader.query("SELECT count(*) FROM holdings")).version).toBe(version);
    }
  });

  test("docs/python.md: the app answers from one release, and moves on", async () => {
    const page = readFileSync(join(root, "docs/python.md"), "utf8");
    const [, snippet = ""] = /<!-- run: app -->\n```python\n([\s\S]*?)```/.exec(page) ?? [];
    expect(snippet).toContain('("127.0.0.1", 8000)');
    const folder = temporaryFolder();
    const store = storeIn(join(folder, "data/holdings"), { basename: "holdings" });
    const out = (rows: number) =>
      publish(store, {
        kind: "function",
        build: ({ path }) =>
          writeDatabase(path, `CREATE TABLE holdings AS SELECT range + 1 AS cik, 'AAPL' AS asset FROM range(${rows})`),
      });
    await out(1);
    writeFileSync(join(folder, "app.py"), snippet.replace("8000", "0"));
    const app = startDuckdbFile(["app.py"], { cwd: folder });
    const url = await app.line("http://127.0.0.1:");
    const get = async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return [response.status, await response.json()] as const;
    };
    expect(await get("/")).toEqual([200, { total: 1, rows: [{ cik: 1, asset: "AAPL" }], release: "r000001", version: 1 }]);
    await out(2);
    expect(await get("/")).toMatchObject([200, { total: 2, release: "r000002", version: 2 }]);
    expect(await get("/health")).toMatchObject([200, { ok: true, pinned: true, servingVersion: 2 }]);
    writeFileSync(join(folder, "data/holdings/db_manifest.json"), "{");
    await expect.poll(async () => (await get("/health"))[0], { timeout: 20_000 }).toBe(503);
    expect(await get("/")).toMatchObject([200, { total: 2, version: 2 }]);
  });

  test("an unchanged script that knows only DUCKDB_PATH is published, and its file read from Python", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "lockkeeper.toml"), `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\n`);
    writeFileSync(
      join(folder, "etl.py"),
      `import duckdb, os\nconnection = duckdb.connect(os.environ["DUCKDB_PATH"])\nconnection.execute("CREATE TABLE t AS SELECT 7 AS n")\nconnection.close()\n`,
    );
    writeFileSync(
      join(folder, "main.py"),
      `import duckdb, json, lockkeeper, sys
executable = json.loads(sys.argv[1]) if len(sys.argv) > 1 else ${JSON.stringify([process.execPath, binPath])}
print(lockkeeper.publish("holdings", [sys.executable, "etl.py"], executable=executable)["version"])
with duckdb.connect(str(lockkeeper.active_path("data")), read_only=True) as connection:
    print(connection.execute("SELECT n FROM t").fetchone()[0])
`,
    );
    const child = startDuckdbFile(["main.py"], { cwd: folder });
    expect((await child.ended).code).toBe(0);
    expect(child.stdout()).toBe("1\n7\n");
  });
});

test.runIf(whyNoDuckdb !== "")("duckdb for Python is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDuckdb}\n`);
});
