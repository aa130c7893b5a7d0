import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The repository's folder, with a `/` at its end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A source file as the rules see it. `path` is relative to the repository, with `/`. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** A source from text: also how a rule is shown a bad sample. */
export function sourceOf(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
}

/** Every TypeScript source below a folder of the repository. */
export function sourcesBelow(folder: string): Source[] {
  return readdirSync(`${root}${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length))
    .toSorted()
    .map((path) => sourceOf(path, readText(path)));
}

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(`${root}${path}`, "utf8");
}

/** What belongs to the repository: tracked files, and new ones that nothing ignores. Links and deleted files are left out. */
export function repositoryFiles(): string[] {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--stage"], { cwd: root });
  const others = execFileSync("git", ["ls-files", "-z", "--others", "--exclude-standard"], { cwd: root });
  const deleted = new Set(execFileSync("git", ["ls-files", "-z", "--deleted"], { cwd: root }).toString().split("\0"));
  const tracked = list
    .toString()
    .split("\0")
    .filter((line) => line.startsWith("100"))
    .map((line) => line.slice(line.indexOf("\t") + 1));
  return [...new Set([...tracked, ...others.toString().split("\0")])]
    .filter((path) => path !== "" && !deleted.has(path))
    .toSorted();
}

/** Every node of a tree, parents first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* nodesOf(child);
}

/** `path:line`, as an editor opens it. */
export function placeOf(source: Source, node: ts.Node): string {
  return `${source.path}:${lineOf(source, node.getStart(source.tree))}`;
}

/** The line of a position, from 1. */
export function lineOf(source: Source, position: number): number {
  return source.tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** What a module specifier of a source means: a path of the repository for a relative one, else itself. */
export function importsOf(
  source: Source,
): { readonly module: string; readonly node: ts.Node; readonly lazy: boolean; readonly types: boolean }[] {
  const found = [];
  for (const node of nodesOf(source.tree)) {
    const specifier = specifierOf(node);
    if (!specifier) continue;
    const { text } = specifier;
    const module = text.startsWith(".") ? new URL(text, `file:///${source.path}`).pathname.slice(1) : text;
    const types = ts.isExportDeclaration(node)
      ? node.isTypeOnly
      : ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    found.push({ module, node, lazy: ts.isCallExpression(node), types: types || ts.isImportTypeNode(node) });
  }
  return found;
}

function specifierOf(node: ts.Node): ts.StringLiteral | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
    return literal(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal);
  if (!ts.isCallExpression(node)) return undefined;
  const { expression, arguments: given } = node;
  const loads = expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === "require");
  return loads && given[0] ? literal(given[0]) : undefined;
}

function literal(node: ts.Node): ts.StringLiteral | undefined {
  return ts.isStringLiteral(node) ? node : undefined;
}
