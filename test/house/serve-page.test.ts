import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { binPath } from "../support/child.ts";
import { startServe } from "../server/support/process.ts";
import { testServer } from "../server/support/server.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readText } from "./sources.ts";

const page = readText("docs/serve.md");
const unit = readText("deploy/systemd/lockkeeper.service");
const compose = readText("deploy/compose.yaml");

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

function snippet(name: string): string {
  const [, code] = new RegExp(`<!-- run: ${name} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(page) ?? [];
  if (code === undefined) throw new Error(`docs/serve.md has no snippet ${name}`);
  return code;
}

describe("docs/serve.md", () => {
  it("names every route, as the server has them", async () => {
    const { server } = await testServer();
    const missing = server.routes
      .map(({ definition: { method, path } }) => [method.toUpperCase(), path] as const)
      .filter(([method, path]) => !page.includes(`\`${method} ${path}\``) && !page.includes(`, \`${path}\``));
    expect(missing).toEqual([]);
  });

  const shell = (folder: string, code: string) => {
    const path = `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
    const options = { cwd: folder, env: { ...process.env, PATH: path }, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", code], options);
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    return stdout;
  };

  it.skipIf(!has("curl"))("its five minutes do what the page says", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    symlinkSync(binPath, join(folder, "bin", "lockkeeper"));
    const columns = "1067983 AS cik, 'asset ' || range AS asset, 100 + range AS shares";
    await writeDatabase(join(folder, "holdings.duckdb"), `CREATE TABLE holdings AS SELECT ${columns} FROM range(25)`);
    const [init = "", serve] = snippet("begin").trim().split("\n");
    expect(serve).toBe("lockkeeper serve");
    shell(folder, init);
    const server = await startServe(folder);
    try {
      const told = shell(folder, snippet("ask").replaceAll("http://127.0.0.1:4600", server.url));
      expect(told).toBe(/```json\n([\s\S]*?)```/.exec(page)?.[1]);
    } finally {
      server.process.kill("SIGTERM");
      await server.ended;
    }
  });

  it.skipIf(!has("openssl") || !has("sha256sum"))("a token's hash is one", () => {
    expect(shell(temporaryFolder(), snippet("token"))).toMatch(/^[0-9a-f]{64}\n$/);
  });
});

describe("deploy", () => {
  const timeout = (text: string) => Number(/(?:TimeoutStopSec=|stop_grace_period: )(\d+)/.exec(text)?.[1]);

  it("the unit has sections, keys and a command", () => {
    const lines = unit.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.filter((line) => !/^(?:\[(?:Unit|Service|Install)\]|[A-Z][A-Za-z]+=.*)$/.test(line))).toEqual([]);
    expect(unit).toMatch(/^ExecStart=\S+ lockkeeper serve$/m);
    expect(unit).toContain("NoNewPrivileges=yes");
  });

  it.skipIf(!has("systemd-analyze"))("systemd takes the unit", () => {
    const { stderr } = spawnSync("systemd-analyze", ["verify", "deploy/systemd/lockkeeper.service"], { encoding: "utf8" });
    expect(stderr).not.toMatch(/Unknown|Failed to parse|Invalid/);
  });

  it("both wait longer than a server takes to end, and give it threads for its queries", () => {
    for (const text of [unit, compose]) {
      expect(timeout(text)).toBeGreaterThan(30 + 30);
      expect(Number(/UV_THREADPOOL_SIZE(?:=|: ")(\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(8 + 4 + 4);
    }
  });

  it("the server of compose has its stores read-only and a token", () => {
    const [, serve = ""] = /\n {2}serve:\n([\s\S]*?)\n {2}etl:/.exec(compose) ?? [];
    expect(serve).toContain("stores:/srv/lockkeeper/data:ro");
    expect(serve).toContain("_TOKEN_SHA256");
    expect(compose).not.toMatch(/\t/);
  });
});
