#!/usr/bin/env node
// Writes docs/proof.md from what `npm run proof` left in `.proof/`.
//
//   node scripts/proof-page.mjs           writes the page
//   node scripts/proof-page.mjs --check   changes nothing; exit 1 names each row that the page and the run do not share
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { proofDifferences, proofPage } from "./docs/proof.mjs";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const found = fileURLToPath(new URL("../.proof/", import.meta.url));
const page = fileURLToPath(new URL("../docs/proof.md", import.meta.url));
const results = readdirSync(found)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(`${found}${name}`, "utf8")));

if (values.check) {
  const differences = proofDifferences(readFileSync(page, "utf8"), results);
  for (const line of differences) console.error(line);
  if (differences.length > 0) console.error("Run: npm run proof && npm run docs:proof");
  process.exitCode = differences.length > 0 ? 1 : 0;
} else {
  writeFileSync(page, proofPage(results));
}
