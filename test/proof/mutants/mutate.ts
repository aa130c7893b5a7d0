import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Variant } from "./variant.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Compiles the sources with the edits of a variant into a folder of its own, beside a copy of all that is compiled already; returns the folder for `LOCKKEEPER_DIST`. Throws
 * when an edit no longer fits the sources.
 */
export function compileVariant(id: string, edits: Variant["edits"]): string {
  const folder = join(root, ".mutants", id);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const dist = join(folder, "dist");
  cpSync(join(root, "dist"), dist, { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  for (const [file, text] of editedSources(edits)) writeFileSync(join(dist, file.replace(/\.ts$/, ".js")), compile(text));
  return dist;
}

/** The sources that a variant changes, as it has them. Throws when an edit no longer fits the sources. */
export function editedSources(edits: Variant["edits"]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const text = texts.get(file) ?? sourceOf(file);
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places, not one, that read\n${find}`);
    texts.set(file, parts.join(replace));
  }
  return texts;
}

/** Whether a source that is compiled as variants are gives the file that ships. */
export function isAsCompiled(file: string): boolean {
  return compile(sourceOf(file)) === readFileSync(join(root, "dist", file.replace(/\.ts$/, ".js")), "utf8");
}

function sourceOf(file: string): string {
  return readFileSync(join(root, "src", file), "utf8");
}

/** Removes what `compileVariant` made. */
export function removeVariant(id: string): void {
  rmSync(join(root, ".mutants", id), { recursive: true, force: true });
}

function compile(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText;
}

/** How a run of the tests against a variant ended. */
export interface Run {
  readonly exit: number | null;
  readonly output: string;
}

/** Runs the tests of files, all of them proofs or none, whose titles begin with one of `titles`, as they are or after a colon, against what `environment` names: `LOCKKEEPER_DIST`, `LOCKKEEPER_CLIENTS`. */
export function runTests(
  files: readonly string[],
  titles: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Run> {
  const proof = files.every((file) => file.endsWith(".proof.ts")) ? ["--config", "vitest.proof.config.ts"] : [];
  const words = [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...proof,
    ...files,
    "--testNamePattern",
    `(^|: )(${titles.map(escape).join("|")})`,
    "--bail",
    "1",
  ];
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST"));
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: { ...Object.fromEntries(own), NO_COLOR: "1", FORCE_COLOR: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exit) => resolve({ exit, output: Buffer.concat(chunks).toString() }));
  });
}

function escape(title: string): string {
  return title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
