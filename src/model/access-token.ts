import { z } from "zod";
import { environmentPattern } from "./environment.ts";
import { sha256Hex } from "./manifest.ts";
import { idPattern } from "./names.ts";

/** What a token may do, each level what those before it may, too: read data, publish, administer. */
export const tokenLevels = ["read", "publish", "admin"] as const;

/** What a token may do. */
export type TokenLevel = (typeof tokenLevels)[number];

/** Claims of one token at most; each becomes the value of a column in a query. */
const claimsMax = 50;

/** Hashes that come of a token which was empty, or of a bare line end: from a variable that was not set. */
const hashesOfNothing: ReadonlySet<string> = new Set(["", "\n", "\r\n"].map(sha256Hex));

/** Whoever shows a text with this hash may do what `level` says. Holds the hash: never print it. */
export interface AccessToken {
  readonly name: string;
  /** SHA-256 of the token's bytes in UTF-8; 32 bytes. */
  readonly hash: Buffer;
  readonly level: TokenLevel;
  /** Texts by name, without a prototype. */
  readonly claims: Readonly<Record<string, string>>;
  /** The stores it is good for; `undefined`: all. */
  readonly stores: readonly string[] | undefined;
}

/** The 32 bytes of 64 hex digits, as `sha256sum` prints them; `undefined` for any other text, and for the hash of no token at all. */
export function tokenHash(text: string): Buffer | undefined {
  const digits = text.trim().toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) && !hashesOfNothing.has(digits) ? Buffer.from(digits, "hex") : undefined;
}

const hashRule =
  'must be the SHA-256 of a token, 64 hex digits, or "env:" and the name of a variable that holds them; the token itself never stands in this file';

/** `[[tokens]]`: who may ask the server, and for what. */
export const tokenConfigSchema = z.strictObject({
  name: z
    .string()
    .regex(idPattern, 'must be lower-case letters, digits, "_" and "-", at most 64')
    .describe("What logs call it. Once in the file."),
  sha256: z
    .string(hashRule)
    .refine((text) => environmentPattern.test(text) || tokenHash(text) !== undefined, hashRule)
    .describe("SHA-256 of the token, 64 hex digits, or the variable that holds them; never the token itself."),
  level: z.enum(tokenLevels).describe("What it may do, each what those before it may, too."),
  claims: z
    .record(z.string().min(1).max(128), z.string().max(1_000))
    .refine((claims) => Object.keys(claims).length <= claimsMax, `must hold at most ${claimsMax} claims`)
    .optional()
    .describe("Texts by name that narrow what it may read."),
  stores: z
    .array(z.string().regex(idPattern, "must be a store's id"))
    .min(1)
    .max(1_000)
    .optional()
    .describe("Only these stores."),
});

/** A valid entry of `[[tokens]]`. */
export type TokenConfig = z.infer<typeof tokenConfigSchema>;
