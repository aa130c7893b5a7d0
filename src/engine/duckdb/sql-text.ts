import { sqlToken } from "../../model/sql-token.ts";

/** `name` as a SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `text` as a SQL string. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What can be told of SQL text without a parser. */
export interface SqlText {
  /** The text without what surrounds its statements: white space, comments and semicolons. Empty where there is nothing else. */
  readonly body: string;
  /** Whether a semicolon stands between two statements. */
  readonly several: boolean;
  /** `body` with comments and the contents of strings blanked out; quoted names stay, without their quotes. */
  readonly code: string;
}

/** Finds where the statement in `sql` begins and ends. Text that does not parse gives some answer; the engine's own parser judges it. */
export function readSqlText(sql: string): SqlText {
  let first = -1;
  let end = 0;
  let separated = false;
  let several = false;
  let code = "";
  const take = (from: number, to: number, shown: string) => {
    if (first < 0) first = from;
    several ||= separated;
    end = to;
    code += shown;
  };
  let position = 0;
  for (const match of sql.matchAll(sqlToken)) {
    const [text] = match;
    if (match.index > position) take(position, match.index, sql.slice(position, match.index));
    position = match.index + text.length;
    if (text === ";") separated = first >= 0;
    else if (text.startsWith('"')) take(match.index, position, text.slice(1, -1));
    else if (/^(?:[eE]?'|\$)/.test(text)) take(match.index, position, "''");
    else code += " ";
  }
  if (position < sql.length) take(position, sql.length, sql.slice(position));
  return { body: first < 0 ? "" : sql.slice(first, end), several, code: code.trim() };
}

/** The statement that an `EXPLAIN` would explain, or `undefined` where the words before it are not understood. */
export function explainedStatement(body: string): string | undefined {
  const blank = String.raw`(?:\s|--[^\n]*\n|/\*[\s\S]*?\*/)`;
  const head = new RegExp(`^EXPLAIN(?:${blank}+ANALYZE\\b)?(?:${blank}*\\([^()]*\\)(?=${blank}*[A-Za-z(]))?${blank}*`, "i").exec(
    body,
  );
  if (!head) return undefined;
  return body.slice(head[0].length);
}

/** A statement and where it begins. */
export interface PlacedStatement {
  /** Without the semicolon. */
  readonly sql: string;
  /** Of its first word, from 1 on. */
  readonly line: number;
}

/** The statements in `sql`, cut at semicolons outside of comments, strings and quoted names. What does not parse is cut somewhere; the engine's own parser judges it. */
export function statementsIn(sql: string): PlacedStatement[] {
  const statements: PlacedStatement[] = [];
  let first = -1;
  let end = 0;
  let line = 1;
  let counted = 0;
  const take = (from: number, to: number) => {
    if (first < 0) first = from;
    end = to;
  };
  const close = () => {
    if (first < 0) return;
    line += sql.slice(counted, first).split("\n").length - 1;
    counted = first;
    statements.push({ sql: sql.slice(first, end), line });
    first = -1;
  };
  let position = 0;
  for (const match of sql.matchAll(sqlToken)) {
    const [text] = match;
    if (match.index > position) take(position, match.index);
    position = match.index + text.length;
    if (text === ";") close();
    else if (!/^(?:--|\/\*|\s)/.test(text)) take(match.index, position);
  }
  if (position < sql.length) take(position, sql.length);
  close();
  return statements;
}
