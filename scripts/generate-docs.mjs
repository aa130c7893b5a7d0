#!/usr/bin/env node
// Writes what can be derived from the compiled sources: docs/errors.md and schemas/*.schema.json.
//
//   node scripts/generate-docs.mjs                 writes into the repository
//   node scripts/generate-docs.mjs --into FOLDER   writes there
//   node scripts/generate-docs.mjs --check         changes nothing; exit 1 names each file that differs
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { configSchema } from "../dist/model/config.js";
import { checkResultSchema } from "../dist/model/check.js";
import { findingSchema } from "../dist/model/finding.js";
import { historyEventSchema } from "../dist/model/history.js";
import { manifestSchema } from "../dist/model/manifest.js";
import { publishPlanSchema, switchPlanSchema } from "../dist/model/plan.js";
import { releaseRecordSchema } from "../dist/model/release-record.js";
import {
  checksResultSchema,
  pathResultSchema,
  publishResultSchema,
  storeStatusSchema,
  switchResultSchema,
} from "../dist/model/results.js";
import { errorCodes, exitCodes } from "../dist/errors/codes.js";

/** @type {[name: string, title: string, schema: z.ZodType][]} One row a schema file. */
const schemas = [
  ["config", "lockkeeper.toml, as JSON", configSchema],
  ["manifest", "db_manifest.json, as Lockkeeper writes it", manifestSchema],
  ["release-record", ".lockkeeper/records/<release>.json", releaseRecordSchema],
  ["history-event", "One line of .lockkeeper/history.jsonl", historyEventSchema],
  ["check-result", "What one check found", checkResultSchema],
  ["finding", "What an audit or a validation reports", findingSchema],
  ["publish-plan", "What a publish would do", publishPlanSchema],
  ["publish-result", "What a publish came to", publishResultSchema],
  ["switch-plan", "What a rollback or an adoption would do", switchPlanSchema],
  ["switch-result", "What a rollback, an adoption or an initialization came to", switchResultSchema],
  ["checks-result", "What `check` found on a release", checksResultSchema],
  ["path-result", "Where the active release's files lie", pathResultSchema],
  ["store-status", "One store's state", storeStatusSchema],
];

const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, into: { type: "string" } } });
const folder = values.into ?? fileURLToPath(new URL("..", import.meta.url));
const wanted = generatedFiles();

if (values.check) {
  const stale = differences(folder, wanted);
  for (const line of stale) console.error(line);
  if (stale.length > 0) console.error("Run: npm run docs");
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of wanted) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Path and text of every generated file. */
function generatedFiles() {
  const files = schemas.map(([name, title, schema]) => [`schemas/${name}.schema.json`, renderSchema(title, schema)]);
  return new Map([["docs/errors.md", renderErrors()], ...files]);
}

/**
 * A schema as outside programs check against it: what a file or an answer must have. More fields are allowed except in the
 * configuration, where an unknown key is an error.
 */
function renderSchema(title, schema) {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}

function renderErrors() {
  const lines = [
    "# Errors",
    "",
    "<!-- Made by `npm run docs` from src/errors/codes.ts; do not edit. -->",
    "",
    "Everything that Lockkeeper throws on purpose is a `LockkeeperError` with a `code`. A code keeps its name and meaning across",
    "releases. The category decides the exit code of the command line. *Retriable*: the same call may succeed later without anybody",
    "changing anything. What no entry covers is `BUG`.",
    "",
    "Three exits have no error: 0 is done, 3 is finished with findings or a release refused by a check, 143 is stopped by SIGTERM.",
  ];
  for (const [category, exit] of Object.entries(exitCodes)) {
    const entries = Object.entries(errorCodes).filter(([, entry]) => entry.category === category);
    if (entries.length === 0) continue;
    lines.push("", `## Exit ${exit}: ${heading(category)}`, "", "| code | returned when | retriable |", "|---|---|---|");
    for (const [code, { returnedWhen, retriable }] of entries) {
      lines.push(`| \`${code}\` | ${returnedWhen.replaceAll("|", "\\|")} | ${retriable ? "yes" : "no"} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** `notFound` reads "not found". */
function heading(category) {
  return category.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function differences(base, files) {
  const stale = [...files]
    .filter(([path, text]) => readOrEmpty(join(base, path)) !== text)
    .map(([path]) => `${path} is not up to date`);
  const extra = listOrEmpty(join(base, "schemas"))
    .map((name) => `schemas/${name}`)
    .filter((path) => !files.has(path))
    .map((path) => `${path} comes from no schema`);
  return [...stale, ...extra];
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return "";
    throw error;
  }
}

function listOrEmpty(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
