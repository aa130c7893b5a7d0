import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { openReader } from "../../src/workspace/open-reader.ts";
import { binPath, startProgram } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const own = join(root, ".python/bin/python");
const program = existsSync(own) ? own : "python3";
const probe = spawnSync(program, ["-c", "import duckdb; assert duckdb.__version__ < '2', duckdb.__version__"], {
  encoding: "utf8",
});
const why = probe.status === 0 ? "" : (probe.error?.message ?? probe.stderr.trim().split("\n").at(-1) ?? "");

const environment = { PYTHONPATH: join(root, "clients/python"), PYTHONDONTWRITEBYTECODE: "1" };

async function run(folder: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = startProgram([program, file], { cwd: folder, env: { ...environment, ...env } });
  const { code } = await child.ended;
  expect(child.stderr()).toBe("");
  expect(code).toBe(0);
  return child.stdout();
}

describe.skipIf(why !== "")("with duckdb for Python", () => {
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
    const child = startProgram([program, "main.py"], { cwd: folder, env: environment });
    expect((await child.ended).code).toBe(0);
    expect(child.stdout()).toBe("1\n7\n");
  });
});

test.runIf(why !== "")("duckdb for Python is not tried", () => {
  process.stdout.write(`skipped: ${why}\n`);
});
