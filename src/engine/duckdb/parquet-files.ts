import { sep } from "node:path";
import { quoteLiteral } from "./sql-text.ts";

/**
 * A path as the engine takes it for that file alone. It takes every path for a pattern first, and for a path only where the pattern finds nothing: `[ab].parquet` is `a.parquet` where that
 * lies beside it. Where a name has a backslash, which the engine's patterns cannot escape, the path is left as it is.
 */
export function literalPath(path: string): string {
  return sep === "/" && path.includes("\\") ? path : path.replaceAll(/[*?[]/g, "[$&]");
}

/** Files as a list of the engine's. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map((path) => quoteLiteral(literalPath(path))).join(", ")}]`;
}
