import { tokenHash, type AccessToken } from "../model/access-token.ts";
import type { Config } from "../model/config.ts";
import { environmentName } from "../model/environment.ts";

/** The tokens that can be used here, and a sentence for each that cannot; no sentence holds a hash or what stands in a variable. */
export interface ConfiguredTokens {
  readonly usable: readonly AccessToken[];
  readonly problems: readonly string[];
}

/** The tokens of a configuration with the hashes that stand in variables. Never throws. */
export function configuredTokens(
  { tokens = [] }: Pick<Config, "tokens">,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ConfiguredTokens {
  const usable: AccessToken[] = [];
  const problems: string[] = [];
  for (const [index, { name, sha256, level, claims, stores }] of tokens.entries()) {
    const variable = environmentName(sha256);
    const value = variable === undefined ? sha256 : environment[variable];
    const hash = tokenHash(value ?? "");
    const same = hash && usable.find((other) => other.hash.equals(hash));
    const key = `tokens[${index}].sha256`;
    if (hash === undefined) problems.push(`${key}: ${hashProblem(variable, value)} ("${name}")`);
    else if (same) problems.push(`${key}: is that of "${same.name}"; give "${name}" a token of its own`);
    else usable.push({ name, hash, level, claims: withoutPrototype(claims), stores });
  }
  return { usable, problems };
}

function hashProblem(variable = "", value: string | undefined): string {
  if (value === undefined || value === "") return `the variable ${variable} is not set`;
  return `the variable ${variable} must hold the SHA-256 of a token, 64 hex digits`;
}

/** So that a claim is never something that every object has, such as `constructor`. */
function withoutPrototype(claims: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, string>, claims));
}
