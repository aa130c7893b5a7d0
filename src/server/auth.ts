import { createHash, timingSafeEqual } from "node:crypto";
import { tokenLevels, type AccessToken, type TokenLevel } from "../model/access-token.ts";
import { publicError } from "./problem.ts";

/** Who asks: a token without its hash. */
export type Principal = Omit<AccessToken, "hash">;

/** Which tokens are known, and whether one is needed. */
export interface TokenRule {
  readonly known: readonly AccessToken[];
  /** Whether any is configured, be it one that cannot be used here: a variable that is not set opens no door. */
  readonly required: boolean;
}

const anonymous: Principal = { name: "anonymous", level: "read", claims: {}, stores: undefined };

/** A longer header holds no token. */
const headerCharactersMax = 4_000;

/**
 * Who sends a request. Where no token is configured everybody may read, and nobody may change anything: a page in somebody's browser can send requests to this
 * machine, too. Throws `TOKEN_REFUSED`, with the same words whatever is wrong, and `LEVEL_REFUSED`.
 */
export function authenticate(rule: TokenRule, authorization: string | undefined, needed: TokenLevel | "open"): Principal {
  if (needed === "open") return anonymous;
  const principal = rule.required ? principalOf(rule.known, authorization) : anonymous;
  if (tokenLevels.indexOf(principal.level) >= tokenLevels.indexOf(needed)) return principal;
  throw publicError("LEVEL_REFUSED", `this needs a token of level ${needed}`, {
    hint: rule.required ? "Ask whoever runs this server for one." : "Configure [[tokens]] in lockkeeper.toml.",
  });
}

function principalOf(known: readonly AccessToken[], authorization = ""): Principal {
  const header = authorization.length > headerCharactersMax ? "" : authorization;
  const [, token = ""] = /^Bearer +([\x21-\x7e]+) *$/i.exec(header) ?? [];
  const hash = createHash("sha256").update(token).digest();
  let found: AccessToken | undefined;
  // All of them, always: how long it takes tells nothing.
  for (const each of known) if (timingSafeEqual(each.hash, hash)) found = each;
  if (found !== undefined && token !== "") return found;
  throw publicError("TOKEN_REFUSED", "this needs a token that is known here", { hint: "Send `Authorization: Bearer TOKEN`." });
}
