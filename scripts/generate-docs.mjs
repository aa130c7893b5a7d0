#!/usr/bin/env node
// Writes what can be derived from the compiled sources: docs/errors.md, docs/cli.md and schemas/*.schema.json.
//
//   node scripts/generate-docs.mjs                 writes into the repository
//   node scripts/generate-docs.mjs --into FOLDER   writes there
//   node scripts/generate-docs.mjs --check         changes nothing; exit 1 names each file that differs
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commandsPage } from "./docs/commands.mjs";
import { errorsPage } from "./docs/errors.mjs";
import { schemaFiles } from "./docs/schemas.mjs";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, into: { type: "string" } } });
const folder = values.into ?? fileURLToPath(new URL("..", import.meta.url));
const wanted = new Map([["docs/cli.md", commandsPage()], ["docs/errors.md", errorsPage()], ...schemaFiles()]);

if (values.check) {
  const stale = differences(folder);
  for (const line of stale) console.error(line);
  if (stale.length > 0) console.error("Run: npm run docs");
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of wanted) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** @param {string} base */
function differences(base) {
  const stale = [...wanted].filter(([path, text]) => orIfMissing("", () => readFileSync(join(base, path), "utf8")) !== text);
  const extra = orIfMissing([], () => readdirSync(join(base, "schemas")))
    .map((name) => `schemas/${name}`)
    .filter((path) => !wanted.has(path));
  return [...stale.map(([path]) => `${path} is not up to date`), ...extra.map((path) => `${path} comes from no schema`)];
}

/**
 * @template T
 * @param {T} missing
 * @param {() => T} read
 */
function orIfMissing(missing, read) {
  try {
    return read();
  } catch (error) {
    if (error.code === "ENOENT") return missing;
    throw error;
  }
}
