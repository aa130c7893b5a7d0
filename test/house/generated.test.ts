import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { errorCodes } from "../../src/errors/codes.ts";
import { formatVersion } from "../../src/model/version.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { readText, root, sourcesBelow } from "./sources.ts";

function generate(...words: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "scripts/generate-docs.mjs"), ...words], {
    encoding: "utf8",
  });
  return { status, stderr };
}

describe("generated files", () => {
  test("docs/errors.md, docs/cli.md and every schema are what the sources give now", () => {
    expect(generate("--check")).toEqual({ status: 0, stderr: "" });
  });

  test("a changed, a missing and a left-over file are each found", () => {
    const folder = temporaryFolder();
    expect(generate("--into", folder)).toEqual({ status: 0, stderr: "" });
    expect(generate("--check", "--into", folder)).toEqual({ status: 0, stderr: "" });
    appendFileSync(join(folder, "docs/errors.md"), "\n");
    rmSync(join(folder, "schemas/manifest.schema.json"));
    writeFileSync(join(folder, "schemas/gone.schema.json"), "{}");
    const { status, stderr } = generate("--check", "--into", folder);
    expect(status).toBe(1);
    expect(stderr.trim().split("\n")).toEqual([
      "docs/errors.md is not up to date",
      "schemas/manifest.schema.json is not up to date",
      "schemas/gone.schema.json comes from no schema",
      "Run: npm run docs",
    ]);
  });

  test("every error code has a row that says when it is returned", () => {
    const text = readText("docs/errors.md");
    for (const [code, { returnedWhen }] of Object.entries(errorCodes)) expect(text).toContain(`| \`${code}\` | ${returnedWhen}`);
  });

  test("a folder that cannot be written is an error, not silence", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "docs/errors.md"), { recursive: true });
    expect(generate("--into", folder).status).not.toBe(0);
  });
});

describe("hand-written references are complete", () => {
  test.each([
    ["manifest", "## `db_manifest.json`"],
    ["release-record", "## Release record"],
    ["lease", "## Leases"],
  ])("docs/format.md names every field of schemas/%s", (name, title) => {
    const schema = JSON.parse(readFileSync(join(root, `schemas/${name}.schema.json`), "utf8")) as { properties: object };
    const section = readText("docs/format.md").split(`${title}\n`)[1]?.split("\n## ")[0] ?? "";
    const missing = Object.keys(schema.properties).filter((field) => !section.includes(`\`${field}\``));
    expect(missing).toEqual([]);
  });

  test("docs/upgrading.md and docs/format.md have the format version of now, and the configuration's", () => {
    expect(readText("docs/format.md")).toContain(`Format version ${formatVersion}.`);
    expect(readText("docs/upgrading.md")).toContain(`| \`formatVersion\`, now ${formatVersion} |`);
    const schema = JSON.parse(readText("schemas/config.schema.json")) as { properties: { format: { const: number } } };
    expect(readText("docs/upgrading.md")).toContain(`\`format = ${schema.properties.format.const}\``);
  });

  test("docs name every environment variable of ours that the sources read or set", () => {
    const names = sourcesBelow("src").flatMap(({ text }) => text.match(/\bLOCKKEEPER_[A-Z_]+\b/g) ?? []);
    const pages = ["builds", "cli", "configuration"].map((page) => readText(`docs/${page}.md`));
    const text = [...pages, readText("CONTRIBUTING.md")].join("\n");
    expect(names.length).toBeGreaterThan(5);
    expect([...new Set(names)].filter((name) => !text.includes(`\`${name}`) && !text.includes(`${name}=`))).toEqual([]);
  });
});
