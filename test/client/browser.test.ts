import { readFileSync } from "node:fs";
import { createContext, Script } from "node:vm";
import ts from "typescript";
import { expect, test } from "vitest";
import type * as door from "../../src/client.ts";
import { distUrl } from "../support/child.ts";

/** Every module that the door loads, by its address, with its text. */
function modules(url: string, found = new Map<string, string>()): Map<string, string> {
  if (found.has(url)) return found;
  const text = readFileSync(new URL(url), "utf8");
  found.set(url, text);
  for (const { fileName } of ts.preProcessFile(text).importedFiles) {
    expect(fileName, `${url} imports what a browser cannot load`).toMatch(/^\.\.?\//);
    modules(new URL(fileName, url).href, found);
  }
  return found;
}

test("the door and what it imports are files of src/client alone: no package, nothing of Node", () => {
  const found = modules(distUrl("client.js"));
  expect(found.size).toBeGreaterThan(5);
  const others = [...found.keys()].filter((url) => !url.startsWith(distUrl("client/")));
  expect(others).toEqual([distUrl("client.js")]);
  for (const [url, text] of found)
    expect([url, text]).not.toEqual([url, expect.stringMatching(/\bnode:|\bprocess\.|\bBuffer\b/)]);
});

test("it runs where there is only what a browser has", async () => {
  const asked: string[] = [];
  const page = {
    URL,
    URLSearchParams,
    Headers,
    AbortController,
    AbortSignal,
    TextDecoder,
    setTimeout,
    clearTimeout,
    crypto: globalThis.crypto,
    location: { href: "https://example.org/page/" },
    fetch: (url: string) => {
      asked.push(url);
      return Promise.resolve(Response.json({ stores: [] }));
    },
  };
  const context = createContext(page);
  const texts = [...modules(distUrl("client.js"))];
  const linked = new Map<string, object>();
  const load = (url: string): object => {
    const known = linked.get(url);
    if (known) return known;
    const exported = {};
    linked.set(url, exported);
    const text = texts.find(([each]) => each === url)?.[1] ?? "";
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    const run = new Script(`(function (exports, require) {${outputText}\n})`).runInContext(context) as (
      exports: object,
      require: (name: string) => object,
    ) => void;
    run(exported, (name) => load(new URL(name, url).href));
    return exported;
  };
  const { createClient } = load(distUrl("client.js")) as typeof door;
  expect(await createClient({ url: "/data" }).stores()).toEqual([]);
  expect(asked).toEqual(["https://example.org/data/v1/stores"]);
});
