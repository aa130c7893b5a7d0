import { idPattern } from "./names.ts";
import { didYouMean } from "./nearest.ts";
import {
  parameterTypes,
  readTyped,
  shown,
  typedNull,
  typeText,
  type DeclaredType,
  type ParameterType,
  type TypedValue,
} from "./parameter-types.ts";
import { scanSql, type Placeholder } from "./sql-placeholders.ts";

/** A larger file is no named query. Bytes. */
export const queryFileBytesMax = 100_000;

/** Files of named queries in one store. */
export const queryFilesMax = 500;

/** Parameters of one named query. */
export const queryParametersMax = 50;

/** Characters of a description; it is told in one answer together with those of all other queries. */
const descriptionMax = 2_000;

/** Names that the server takes for itself in the address of a named query. */
const reservedParameters: ReadonlySet<string> = new Set(["release", "format", "shape", "guard"]);

const parameterPattern = /^[a-z][a-z0-9_]{0,63}$/;

/** A parameter of a named query. */
export interface NamedParameter extends DeclaredType {
  readonly name: string;
  /** What is bound where a request leaves it out, and as it is written in the file; without one a request must say it. */
  readonly default?: (TypedValue & { readonly text: string }) | undefined;
}

/** A query that a file holds, to be asked for by its name. */
export interface NamedQuery {
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly description: string | undefined;
  /** In the order in which the file declares them. */
  readonly parameters: readonly NamedParameter[];
  /** The whole text of the file. `boundStatement` makes of it what is run. */
  readonly sql: string;
  /** Where parameters stand in `sql`. */
  readonly placeholders: readonly Placeholder[];
}

/** What a file of a named query came to: the query, or every fault, each a sentence that names its line where it has one. */
export interface ParsedQuery {
  readonly query: NamedQuery | undefined;
  readonly problems: readonly string[];
}

/** Reads the text of the file `<name>.sql`. Never throws for what it says; docs/queries.md tells what it may say. */
export function parseNamedQuery(name: string, sql: string): ParsedQuery {
  const problems: string[] = [];
  if (!idPattern.test(name))
    problems.push(`${shown(name)} is no name of a query; use lower-case letters, digits, "_" and "-", at most 64`);
  if (sql.includes("\0")) problems.push("holds a NUL character");
  const { placeholders, statements } = scanSql(sql);
  if (statements !== 1) problems.push(statements === 0 ? "holds no statement" : `holds ${statements} statements; it must be one`);
  const head = readHead(sql, problems);
  problems.push(...placeholderProblems(sql, head.parameters, placeholders));
  return { query: problems.length > 0 ? undefined : Object.freeze({ name, ...head, sql, placeholders }), problems };
}

/** A named query as it is run: each `$name` cast to its type, and the values by name, ready to be bound. */
export function boundStatement(
  { sql, placeholders }: NamedQuery,
  values: ReadonlyMap<string, TypedValue>,
): { readonly sql: string; readonly parameters: Readonly<Record<string, unknown>> } {
  let text = "";
  let position = 0;
  for (const { name, index } of placeholders) {
    const value = values.get(name);
    if (value === undefined) continue;
    text += `${sql.slice(position, index)}CAST($${name} AS ${value.sqlType})`;
    position = index + name.length + 1;
  }
  const parameters = Object.fromEntries([...values].map(([name, { value }]) => [name, value]));
  return { sql: text + sql.slice(position), parameters };
}

/** What the comments before the statement say. Other comments are passed over. */
function readHead(sql: string, problems: string[]): Pick<NamedQuery, "description" | "parameters"> {
  const parameters: NamedParameter[] = [];
  const description: string[] = [];
  let continued = false;
  for (const [index, line] of sql.split(/\r?\n/).entries()) {
    if (!/^\s*(?:--|$)/.test(line)) break;
    const [, comment = ""] = /^\s*--(.*)$/.exec(line) ?? [];
    if (!/^\s*param\b/.test(comment)) {
      const told = descriptionIn(comment, continued);
      continued = told !== undefined;
      if (told !== undefined) description.push(told.trim());
      continue;
    }
    continued = false;
    const parameter = readParameter(comment.trim(), parameters);
    if (typeof parameter === "string") problems.push(`line ${index + 1}: ${parameter}`);
    else parameters.push(parameter);
  }
  const text = description.join(" ").trim();
  if (text.length > descriptionMax)
    problems.push(`the description has ${text.length} characters; at most ${descriptionMax} are kept`);
  if (parameters.length > queryParametersMax)
    problems.push(`declares ${parameters.length} parameters; at most ${queryParametersMax} are taken`);
  return { description: text === "" ? undefined : text, parameters };
}

/** What a comment adds to the description; one that continues it is indented. */
function descriptionIn(comment: string, continued: boolean): string | undefined {
  const [, begun] = /^\s*description:(.*)$/.exec(comment) ?? [];
  return begun ?? (continued ? /^\s{2,}(\S.*)$/.exec(comment)?.[1] : undefined);
}

/** `param cik: integer[] = [1, 2]`; instead the sentence that says what is wrong with it. */
function readParameter(declaration: string, before: readonly NamedParameter[]): NamedParameter | string {
  const match = /^param\s+([^\s:=]+)\s*:\s*([^\s=[\]]+)(\[\])?\s*(?:=(.*))?$/.exec(declaration);
  if (!match) return `${shown(declaration)} cannot be read; write "param name: type" or "param name: type = default"`;
  const [, name = "", type = "", list, written] = match;
  if (!parameterPattern.test(name))
    return `${shown(name)} is no name of a parameter; use lower-case letters, digits and "_", a letter first, at most 64`;
  if (reservedParameters.has(name)) return `"${name}" is a name that the server keeps for itself`;
  if (before.some((other) => other.name === name)) return `the parameter ${name} is declared twice`;
  if (!isParameterType(type))
    return `the parameter ${name} has the type ${shown(type)}${didYouMean(type, parameterTypes) || `; types are ${parameterTypes.join(", ")}`}`;
  const declared: DeclaredType = { type, list: list !== undefined };
  if (written === undefined) return Object.freeze({ name, ...declared });
  const value = readDefault(declared, written.trim());
  if (typeof value === "string") return `the default of ${name} ${value}`;
  return Object.freeze({ name, ...declared, default: Object.freeze({ ...value, text: written.trim() }) });
}

/** `null`; a value, in quotes where it would be taken for something else; for a list values in brackets. Or the sentence without its subject. */
function readDefault(declared: DeclaredType, written: string): TypedValue | string {
  if (written === "null") return typedNull(declared);
  if (!declared.list) return readTyped(declared, [unquoted(written)]);
  const item = String.raw`\s*(?:'(?:[^']|'')*'|[^,'[\]\s](?:[^,'[\]]*[^,'[\]\s])?)\s*`;
  const [, inner] = new RegExp(`^\\[(\\s*|${item}(?:,${item})*)\\]$`).exec(written) ?? [];
  if (inner === undefined)
    return `is ${shown(written)}; a default of ${typeText(declared)} is null, or values in brackets: [a, 'b']`;
  return readTyped(declared, (inner.match(/'(?:[^']|'')*'|[^,\s](?:[^,']*[^,'\s])?/g) ?? []).map(unquoted));
}

function unquoted(text: string): string {
  return /^'(?:[^']|'')*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text;
}

function isParameterType(text: string): text is ParameterType {
  return (parameterTypes as readonly string[]).includes(text);
}

function placeholderProblems(sql: string, declared: readonly NamedParameter[], used: readonly Placeholder[]): string[] {
  const names = declared.map(({ name }) => name);
  const problems: string[] = [];
  const told = new Set(names);
  for (const { name, index } of used) {
    if (told.has(name)) continue;
    told.add(name);
    const place = `line ${sql.slice(0, index).split("\n").length}`;
    if (name === "" || /^\d/.test(name))
      problems.push(`${place}: ${name === "" ? "?" : `$${name}`} is a parameter by position; use $name`);
    else
      problems.push(
        `${place}: $${name} is not declared${didYouMean(name, names) || `; write "-- param ${name}: type" at the head`}`,
      );
  }
  const unused = names.filter((name) => !used.some((placeholder) => placeholder.name === name));
  return [
    ...problems,
    ...unused.map((name) => `the parameter ${name} is declared, but $${name} stands nowhere in the statement`),
  ];
}
