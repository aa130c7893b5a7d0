import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { beforeEach, expect, test, vi } from "vitest";
import { openWorkspace } from "../../src/index.ts";
import { parseConfig } from "../../src/model/config-findings.ts";
import { configuredTokens } from "../../src/workspace/tokens.ts";
import { temporaryFolder } from "../support/temporary.ts";

beforeEach(() => () => vi.unstubAllEnvs());

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const entry = (name: string, sha256: string, more = "") =>
  `[[tokens]]\nname = "${name}"\nsha256 = "${sha256}"\nlevel = "read"\n${more}\n`;

function tokensOf(text: string, environment: Readonly<Record<string, string | undefined>>) {
  const { config } = parseConfig(parse(`format = 1\n${text}`));
  if (config === undefined) throw new Error("no configuration");
  return configuredTokens(config, environment);
}

test("a hash stands in the file, or in the variable that the file names", () => {
  const text = entry("a", hash("one")) + entry("b", "env:B", 'claims = { user_id = "7" }');
  expect(tokensOf(text, { B: ` ${hash("two").toUpperCase()}\n` })).toEqual({
    usable: [
      { name: "a", hash: createHash("sha256").update("one").digest(), level: "read", claims: {}, stores: undefined },
      {
        name: "b",
        hash: createHash("sha256").update("two").digest(),
        level: "read",
        claims: { user_id: "7" },
        stores: undefined,
      },
    ],
    problems: [],
  });
});

test("a claim is what the file says, never what every object has", () => {
  const [token] = tokensOf(entry("a", hash("one")), {}).usable;
  expect(token?.claims["constructor"]).toBeUndefined();
});

test("what cannot be used is told, without what stands in the variable; the others can be used", () => {
  const text = ["UNSET", "EMPTY", "TOKEN", "NOTHING", "SAME"].map((name) => entry(name.toLowerCase(), `env:${name}`)).join("");
  const environment = { EMPTY: "", TOKEN: "sesame-open", NOTHING: hash(""), SAME: hash("one") };
  const { usable, problems } = tokensOf(entry("a", hash("one")) + text + entry("z", hash("two")), environment);
  expect(usable.map(({ name }) => name)).toEqual(["a", "z"]);
  expect(problems).toEqual([
    'tokens[1].sha256: the variable UNSET is not set ("unset")',
    'tokens[2].sha256: the variable EMPTY is not set ("empty")',
    'tokens[3].sha256: the variable TOKEN must hold the SHA-256 of a token, 64 hex digits ("token")',
    'tokens[4].sha256: the variable NOTHING must hold the SHA-256 of a token, 64 hex digits ("nothing")',
    'tokens[5].sha256: is that of "a"; give "same" a token of its own',
  ]);
  expect(problems.join()).not.toMatch(/sesame|[0-9a-f]{60}/);
});

test("a workspace has the server's settings, and the tokens by its own environment", async () => {
  vi.stubEnv("DAGSTER_TOKEN_SHA256", hash("secret"));
  const config = join(temporaryFolder(), "lockkeeper.toml");
  const store = `[stores.holdings]\nkind = "release"\ndir = "data"\n`;
  writeFileSync(config, `format = 1\n[serve]\nlisten = "[::1]:0"\n${entry("dagster", "env:DAGSTER_TOKEN_SHA256")}${store}`);
  const workspace = await openWorkspace({ config });
  expect(workspace.serveSettings()).toMatchObject({ listen: { host: "::1", port: 0 }, defaultStore: "holdings" });
  expect(workspace.tokens()).toMatchObject({ usable: [{ name: "dagster", level: "read" }], problems: [] });
  await workspace.close();
});
