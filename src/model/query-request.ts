import type { Finding } from "./finding.ts";
import type { NamedParameter, NamedQuery } from "./named-query.ts";
import { didYouMean } from "./nearest.ts";
import { readTyped, typeText, wantedValue, type TypedValue } from "./parameter-types.ts";

/** What a request's parameters came to: the values of all parameters by name, or a finding for each fault (`REQUEST_INVALID`, its subject the parameter). */
export interface ParsedParameters {
  readonly values: ReadonlyMap<string, TypedValue> | undefined;
  readonly findings: readonly Finding[];
}

/**
 * Reads what a request gives for a query's parameters, each name with as many texts as it was said times. Only a list takes more than one; one that is left out has its default, and
 * without a default is a fault, as a name that the query does not have is. Never throws for what the request says.
 */
export function parseParameters(query: NamedQuery, given: ReadonlyMap<string, readonly string[]>): ParsedParameters {
  const values = new Map<string, TypedValue>();
  const findings = [...given.keys()].flatMap((name) => unknown(query, name));
  for (const parameter of query.parameters) {
    const value = valueOf(parameter, given.get(parameter.name) ?? []);
    if (typeof value === "string") findings.push(finding(parameter.name, value));
    else values.set(parameter.name, value);
  }
  return { values: findings.length > 0 ? undefined : values, findings };
}

function unknown({ name: query, parameters }: NamedQuery, name: string): Finding[] {
  const known = parameters.map((parameter) => parameter.name);
  if (known.includes(name)) return [];
  const which = known.length === 0 ? "; it has none" : `; it has ${known.join(", ")}`;
  const short = name.length > 60 ? `${name.slice(0, 57)}…` : name;
  return [finding(short, `is no parameter of the query ${query}${didYouMean(short, known) || which}`)];
}

/** The value, or what completes "<name> …". */
function valueOf(parameter: NamedParameter, texts: readonly string[]): TypedValue | string {
  if (texts.length === 0) return parameter.default ?? `is missing; it must be ${wantedValue(parameter)}`;
  if (texts.length > 1 && !parameter.list)
    return `is said ${texts.length} times; it must be said once, for its type is ${typeText(parameter)}`;
  return readTyped(parameter, texts);
}

function finding(name: string, rest: string): Finding {
  return { code: "REQUEST_INVALID", severity: "error", subject: name, detail: `${name} ${rest}` };
}
