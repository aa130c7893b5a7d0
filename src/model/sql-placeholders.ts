import { sqlToken } from "./sql-token.ts";

/** A parameter in a statement. */
export interface Placeholder {
  /** Without the `$`; empty for `?`. Digits for one by position. */
  readonly name: string;
  /** Where its `$` or `?` stands. */
  readonly index: number;
}

/** What the text of a statement shows without the engine. */
export interface ScannedSql {
  /** In the order of the text, outside of comments, strings and quoted names. */
  readonly placeholders: readonly Placeholder[];
  /** How many statements there are; comments alone are none. */
  readonly statements: number;
}

/** A `$` inside a word belongs to the word. */
const placeholder = /(?<![\w$\u0080-\uffff])\$(\w+)|\?/g;

/** Finds the parameters in `sql`. Text that does not parse gives some answer; the engine's own parser judges it. */
export function scanSql(sql: string): ScannedSql {
  const placeholders: Placeholder[] = [];
  let statements = 0;
  let inside = false;
  const begin = () => {
    if (!inside) statements += 1;
    inside = true;
  };
  const code = (from: number, to: number) => {
    if (from === to) return;
    begin();
    for (const match of sql.slice(from, to).matchAll(placeholder))
      placeholders.push({ name: match[1] ?? "", index: from + match.index });
  };
  let position = 0;
  for (const match of sql.matchAll(sqlToken)) {
    code(position, match.index);
    position = match.index + match[0].length;
    if (match[0] === ";") inside = false;
    else if (!/^(?:--|\/\*|\s)/.test(match[0])) begin();
  }
  code(position, sql.length);
  return { placeholders, statements };
}
