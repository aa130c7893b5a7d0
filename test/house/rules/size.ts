import ts from "typescript";
import { lineOf, nodesOf, placeOf, type Source } from "../sources.ts";

/** Lines of a source in `src` that hold code: neither blank nor only comment. A test may be a long list of cases. */
export const codeLinesMax = 300;
/** Lines of a file, all told. */
export const linesMax = 500;
/** A function stays under this many lines, from its first to its last. */
export const functionLinesLimit = 70;
/** More inputs go into an options object. */
export const parametersMax = 3;

/** Files that are too long. */
export function fileSizes(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const lines = source.text.split("\n").length - 1;
    const code = codeLines(source);
    if (lines > linesMax) return [`${source.path}: ${lines} lines; at most ${linesMax}`];
    return code > codeLinesMax && source.path.startsWith("src/")
      ? [`${source.path}: ${code} lines of code; at most ${codeLinesMax}`]
      : [];
  });
}

/** Functions that are too long or take too many inputs by position. */
export function functionSizes(sources: readonly Source[]): string[] {
  const violations: string[] = [];
  for (const source of sources) {
    for (const node of nodesOf(source.tree)) {
      if (!ts.isFunctionLike(node) || !isOurs(node)) continue;
      const name = node.name?.getText(source.tree) ?? "a function";
      const lines = lineOf(source, node.getEnd()) - lineOf(source, node.getStart(source.tree)) + 1;
      if (lines >= functionLinesLimit)
        violations.push(`${placeOf(source, node)}: ${name} has ${lines} lines; under ${functionLinesLimit}`);
      const count = node.parameters.filter((parameter) => parameter.name.getText(source.tree) !== "this").length;
      if (count > parametersMax)
        violations.push(`${placeOf(source, node)}: ${name} takes ${count} inputs by position; at most ${parametersMax}`);
    }
  }
  return violations;
}

/** A bare signature that is not exported describes what somebody else's code takes. */
function isOurs(node: ts.SignatureDeclaration): boolean {
  if ("body" in node && node.body) return true;
  const statement = ts.findAncestor(node, (above) => ts.isSourceFile(above.parent));
  const modifiers = statement && ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function codeLines(source: Source): number {
  const lines = new Set<number>();
  const visit = (node: ts.Node) => {
    if (ts.isJSDoc(node)) return;
    const children = node.getChildren(source.tree);
    for (const child of children) visit(child);
    if (children.length > 0 || node.getWidth(source.tree) === 0) return;
    // A token; only a template or a string can span lines.
    const last = lineOf(source, node.getEnd());
    for (let line = lineOf(source, node.getStart(source.tree)); line <= last; line += 1) lines.add(line);
  };
  visit(source.tree);
  return lines.size;
}
