import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { binPath, startProgram } from "../support/child.ts";
import { storeIn, writeDatabase } from "../support/store.ts";
import { HandMadeStore } from "../reader/support/hand-made.ts";
import { sqliteMissing } from "../support/sqlite.ts";
import { temporaryFolder } from "../support/temporary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Snippets of a document: fenced JavaScript behind a comment `<!-- run: name -->`. */
function snippets(document: string): { readonly document: string; readonly name: string; readonly code: string }[] {
  const text = readFileSync(join(root, document), "utf8");
  const marked = [...text.matchAll(/<!-- run: (\S+) -->\n```js\n([\s\S]*?)```/g)];
  const fenced = [...text.matchAll(/^```(?:js|ts)$/gm)];
  expect([document, marked.length]).toEqual([document, fenced.length]);
  return marked.map(([, name = "", code = ""]) => ({ document, name, code }));
}

/** A folder as a user has it: the package installed, a configuration, a store with releases of so many rows. */
async function project(...releases: readonly number[]): Promise<string> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "node_modules", "@duckdb"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "lockkeeper"));
  for (const name of ["@duckdb/node-api", "hono"])
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(
    join(folder, "lockkeeper.toml"),
    `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data/holdings"\nlayout = "slots"\n`,
  );
  const store = storeIn(join(folder, "data", "holdings"), { basename: "holdings" });
  for (const rows of releases) {
    const columns = "1067983 AS cik, 'asset ' || range AS asset, 100 + range AS shares";
    const build = ({ path }: { readonly path: string }) =>
      writeDatabase(path, `CREATE TABLE holdings AS SELECT ${columns} FROM range(${rows})`);
    await publish(store, { kind: "function", build });
  }
  return folder;
}

const expected: Record<string, string> = {
  reader: "25 rows from r000001, version 1\ntrue\n",
  stream: "25 r000001 3\n",
  workspace: "switched r000002 2\nr000001 3\n",
  watching: "1 release.switched r000001 publish\npass []\n0 held\nr000001 []\n",
  "time-travel": "25 in r000001, 30 in r000002\n",
  diff: "holdings changed from r000001 to r000002: rows\n",
  mount: `r000001 {"total":"25","largest":"124"}\n`,
  app: `{"holdings":25,"dbVersion":1}\n`,
};

test("docs/client.md: the snippet runs against a server and prints what it should", async () => {
  const [snippet] = snippets("docs/client.md");
  const folder = await project(25);
  const server = startProgram([process.execPath, binPath, "serve", "--listen", "127.0.0.1:0", "--json"], { cwd: folder });
  const { url } = JSON.parse(await server.line('{"schema":"lockkeeper/serve@1"')) as { readonly url: string };
  expect(snippet?.code).toContain('"http://127.0.0.1:4600"');
  writeFileSync(join(folder, "snippet.mjs"), snippet?.code.replace("http://127.0.0.1:4600", url) ?? "");
  const child = startProgram([process.execPath, "snippet.mjs"], { cwd: folder });
  expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
  expect(child.stdout()).toBe("r000001 asset 24, asset 23\n25\n1 release.switched r000001\n");
});

test.skipIf(sqliteMissing !== undefined)("docs/sqlite.md: the snippet runs and prints what it should", async () => {
  const [snippet] = snippets("docs/sqlite.md");
  const folder = await project();
  const labels = () => [
    "CREATE TABLE labels (cik INTEGER, label TEXT)",
    "INSERT INTO labels VALUES (1067983, 'Berkshire Hathaway')",
  ];
  await new HandMadeStore(join(folder, "data", "holdings"), ["labels.db"], labels).publish();
  writeFileSync(join(folder, "snippet.mjs"), snippet?.code ?? "");
  const child = startProgram([process.execPath, "snippet.mjs"], { cwd: folder });
  expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
  expect(child.stdout()).toBe("Berkshire Hathaway, 1 row in r000001\n");
});

test.each(["README.md", "docs/library.md"].flatMap(snippets))(
  "$document: the snippet $name runs and prints what it should",
  async ({ name, code }) => {
    const folder = await project(...(name === "time-travel" || name === "diff" ? [25, 30] : [25]));
    writeFileSync(
      join(folder, "snippet.mjs"),
      name === "app"
        ? `${code}\nconsole.log(await (await app.request("/holdings/1067983")).text());\nawait reader.close();`
        : code,
    );
    const child = startProgram([process.execPath, "snippet.mjs"], { cwd: folder });
    expect([await child.ended, child.stderr()]).toEqual([{ code: 0, signal: null }, ""]);
    expect(child.stdout()).toBe(expected[name]);
  },
);
