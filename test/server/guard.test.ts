import { describe, expect, it } from "vitest";
import { assertGuarded } from "../../src/server/guard.ts";
import type { ConfiguredTokens } from "../../src/workspace/tokens.ts";

const none: ConfiguredTokens = { usable: [], problems: [] };
const one: ConfiguredTokens = {
  usable: [{ name: "a", hash: Buffer.alloc(32), level: "read", claims: {}, stores: undefined }],
  problems: [],
};

describe("assertGuarded", () => {
  it.each(["127.0.0.1", "127.0.1.1", "::1", "localhost"])("lets %s be open to this machine", (host) => {
    expect(() => assertGuarded({ host, port: 0 }, none)).not.toThrow();
  });

  it.each(["0.0.0.0", "::", "192.168.1.2", "analytics.internal", "fe80::1"])("wants a token where others reach %s", (host) => {
    expect(() => assertGuarded({ host, port: 0 }, none)).toThrow(expect.objectContaining({ code: "TOKENS_MISSING", exit: 2 }));
    expect(() => assertGuarded({ host, port: 0 }, one)).not.toThrow();
  });

  it("refuses a token that cannot be used, also beside one that can, and on loopback", () => {
    const problems = ["tokens[1].sha256: the variable X is not set", "tokens[2].sha256: the variable Y is not set"];
    for (const { usable } of [none, one]) {
      expect(() => assertGuarded({ host: "127.0.0.1", port: 0 }, { usable, problems })).toThrow(
        expect.objectContaining({ code: "TOKENS_MISSING", message: expect.stringMatching(/variable X.*1 more/) as string }),
      );
    }
  });
});
