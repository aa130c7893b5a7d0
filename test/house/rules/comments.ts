import ts from "typescript";
import { placeOf, type Source } from "../sources.ts";

/** Exports without a doc comment. A re-export is documented where it is declared. */
export function documentedExports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.tree.statements
      .filter((statement) => isExported(statement) && !isDocumented(statement))
      .map((statement) => {
        return `${placeOf(source, statement)}: ${nameOf(source, statement)} is exported without a doc comment`;
      }),
  );
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function isDocumented(statement: ts.Statement): boolean {
  return ts.getJSDocCommentsAndTags(statement).some((doc) => (ts.getTextOfJSDocComment(doc.comment) ?? "").trim().length > 0);
}

function nameOf(source: Source, statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((declaration) => declaration.name.getText(source.tree)).join(", ");
  }
  const named = statement as ts.Statement & { readonly name?: ts.Node };
  return named.name?.getText(source.tree) ?? "an export";
}
