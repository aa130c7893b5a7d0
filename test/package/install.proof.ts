import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../house/sources.ts";
import { startProgram } from "../support/child.ts";
import { installPackage, whyNoRegistry, type InstalledPackage } from "./support.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };

/** Published with one row, and read again through every door: what a program of either kind does with the package. */
const story = `
const { openWorkspace, openReader, isLockkeeperError } = await load("lockkeeper");
const { lockkeeperRoutes } = await load("lockkeeper/hono");
const { createClient } = await load("lockkeeper/client");
const { DuckDBInstance } = await load("@duckdb/node-api");
const workspace = await openWorkspace();
const { outcome, release } = await workspace.publish("holdings", async ({ path }) => {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run("CREATE TABLE holdings AS SELECT 1067983 AS cik, 'AAPL' AS asset");
  connection.closeSync();
  instance.closeSync();
});
const reader = await openReader({ dir: "data/holdings" });
const { rows } = await reader.query("SELECT * FROM holdings");
await reader.close();
const app = lockkeeperRoutes(workspace);
const client = createClient({ url: "http://127.0.0.1", fetch: async (request, init) => app.request(request, init) });
const answer = await client.store("holdings").rows("holdings");
let refused;
try {
  await openReader({ dir: "nowhere" });
} catch (error) {
  refused = isLockkeeperError(error, "NO_RELEASE");
}
console.log(JSON.stringify({ outcome, release, rows, served: answer.rows, refused }));
await workspace.close();
`;

const imports = `import { LockkeeperError, openReader, openWorkspace, type Reader, type Workspace } from "lockkeeper";
import { lockkeeperRoutes } from "lockkeeper/hono";
import { createClient, type Client } from "lockkeeper/client";
void LockkeeperError;`;

/** Every door with its types; the last line must be a fault. */
const typed = `${imports}
export async function ask(folder: string): Promise<number> {
  const reader: Reader = await openReader({ dir: folder, freshness: "eventual" });
  const { rows, release }: { rows: readonly (readonly unknown[])[]; release: string } = await reader.query("SELECT 1");
  const workspace: Workspace = await openWorkspace();
  const routes = lockkeeperRoutes(workspace);
  const client: Client = createClient({ url: "http://127.0.0.1" });
  const error: LockkeeperError | undefined = undefined;
  return [rows.length, release, routes.fetch, client.store("holdings"), error].length;
}
// @ts-expect-error a number is no folder
void openReader({ dir: 5 });
`;

const configuration = 'format = 1\n[stores.holdings]\nkind = "release"\ndir = "data/holdings"\n';

/** Kinds of programs, and how each loads a module; `require` of a module needs Node 20.19 (process.features.require_module). */
const kinds = [
  { type: "module", name: "import.mjs", head: "const load = (name) => import(name);" },
  { type: "commonjs", name: "import.cjs", head: "const load = (name) => import(name);" },
  { type: "commonjs", name: "require.cjs", head: "const load = (name) => require(name);" },
] as const;

describe.skipIf(whyNoRegistry() !== "")("the package as it is published", () => {
  const projects: Partial<Record<"module" | "commonjs", InstalledPackage>> = {};
  const folderOf = (type: "module" | "commonjs"): string => projects[type]?.folder ?? "";

  beforeAll(() => {
    for (const type of ["module", "commonjs"] as const) projects[type] = installPackage(type);
  });
  afterAll(() => {
    for (const project of Object.values(projects)) project.remove();
  });

  const run = async (argv: readonly string[], cwd: string) => {
    const environment = { LOCKKEEPER_CONFIG: undefined, DUCKDB_PATH: undefined, NODE_PATH: undefined };
    const child = startProgram(argv, { cwd, env: environment });
    const { code } = await child.ended;
    return { code, stdout: child.stdout(), stderr: child.stderr() };
  };

  test.each(kinds)("$type, $name: a publish, and a read through each door", async ({ type, name, head }) => {
    const folder = folderOf(type);
    writeFileSync(join(folder, "lockkeeper.toml"), configuration.replace("data/holdings", `data/${name}`));
    const source = story.replace("data/holdings", `data/${name}`);
    const text = name.endsWith(".mjs") ? `${head}\n${source}` : `${head}\n(async () => {${source}})();\n`;
    writeFileSync(join(folder, name), text);
    const { code, stdout, stderr } = await run([process.execPath, name], folder);
    expect([code, stderr.replaceAll(/^\(.*(?:ExperimentalWarning|--trace-warnings).*\n/gm, "")]).toEqual([0, ""]);
    const rows = [[1_067_983, "AAPL"]];
    expect(JSON.parse(stdout)).toEqual({ outcome: "switched", release: "r000001", rows, served: rows, refused: true });
  });

  test("its command says its version, and what is active", async () => {
    const { folder = "", bin = "" } = projects.module ?? {};
    expect(await run(["npx", "--no-install", "lockkeeper", "--version"], folder)).toMatchObject({
      code: 0,
      stdout: `${version}\n`,
    });
    const { code, stdout } = await run([bin, "status", "--json"], folder);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { schema: "lockkeeper/status@1", stores: [{ store: "holdings" }] }]);
  });

  test.each([
    ["module", "nodenext", "typed.mts"],
    ["commonjs", "nodenext", "typed.cts"],
    ["module", "bundler", "typed.ts"],
    ["commonjs", "bundler", "typed.ts"],
  ] as const)("%s, moduleResolution %s: %s has the types of every door", async (type, resolution, name) => {
    const folder = folderOf(type);
    writeFileSync(join(folder, name), typed);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "es2023",
      module: resolution === "bundler" ? "esnext" : "nodenext",
      moduleResolution: resolution,
      // As a project has them that runs on Node.
      typeRoots: [join(root, "node_modules/@types")],
      types: ["node"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [name] }));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    expect(await run([process.execPath, compiler, "-p", "tsconfig.json"], folder)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("schemas and documents come with it", async () => {
    const script = `
      const read = (name) => JSON.parse(readFileSync(createRequire(import.meta.url).resolve(name), "utf8"));
      console.log(read("lockkeeper/schemas/manifest.schema.json").type, read("lockkeeper/package.json").version,
        existsSync("node_modules/lockkeeper/docs/README.md"), existsSync("node_modules/lockkeeper/clients/python/lockkeeper.py"));`;
    const head = 'import { existsSync, readFileSync } from "node:fs";\nimport { createRequire } from "node:module";';
    writeFileSync(join(folderOf("module"), "files.mjs"), head + script);
    const { stdout } = await run([process.execPath, "files.mjs"], folderOf("module"));
    expect(stdout).toBe(`object ${version} true true\n`);
  });
});
