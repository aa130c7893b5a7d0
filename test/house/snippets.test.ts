import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { startProgram } from "../support/child.ts";
import { storeIn, writeDatabase } from "../support/store.ts";
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

/** A folder as a user has it: the package installed, a configuration, a published store. */
async function project(): Promise<string> {
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
  await publish(store, {
    kind: "function",
    build: ({ path }) =>
      writeDatabase(
        path,
        "CREATE TABLE holdings AS SELECT 1067983 AS cik, 'asset ' || range AS asset, 100 + range AS shares FROM range(25)",
      ),
  });
  return folder;
}

const expected: Record<string, string> = {
  reader: "25 rows from r000001, version 1\ntrue\n",
  workspace: "switched r000002 2\nr000001 3\n",
  app: `{"holdings":25,"dbVersion":1}\n`,
};

test.each(["README.md", "docs/library.md"].flatMap(snippets))(
  "$document: the snippet $name runs and prints what it should",
  async ({ name, code }) => {
    const folder = await project();
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
