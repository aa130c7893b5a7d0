import fc from "fast-check";
import { expect, test } from "vitest";
import { ManifestResolver } from "../../src/reader/resolver.ts";
import { FakePlatform } from "./support/fake-platform.ts";

const path = "/store/db_manifest.json";

function setUp() {
  const platform = new FakePlatform();
  return { platform, resolver: new ManifestResolver(platform.port(), path) };
}

const body = (active: string, version: number) => JSON.stringify({ active, version });

test("an unchanged manifest is the same sighting, at the price of one stat", async () => {
  const { platform, resolver } = setUp();
  platform.write(path, body("a", 1));
  await platform.clock.advance(1000);
  const first = resolver.look();
  expect(first.kind).toBe("manifest");
  const { reads } = platform;
  for (let look = 0; look < 50; look += 1) expect(resolver.look()).toBe(first);
  expect(platform.reads).toBe(reads);
});

test("FACTS 5: a version number does not identify a manifest: equal bytes in a new file are another one", async () => {
  const { platform, resolver } = setUp();
  platform.write(path, body("a", 1));
  await platform.clock.advance(1000);
  const first = resolver.look();
  platform.replace(path, body("a", 1));
  const second = resolver.look();
  expect(second).not.toBe(first);
  expect(second.identity).not.toBe(first.identity);
  expect(second.sequence).toBeGreaterThan(first.sequence);
});

test("FACTS 5: change time alone does not tell: a second change within one tick is seen", async () => {
  const { platform, resolver } = setUp();
  await platform.clock.advance(1000);
  platform.write(path, body("a", 1));
  const first = resolver.look();
  await platform.clock.advance(2);
  platform.write(path, body("b", 1));
  expect(platform.statNow(path)?.changedNs).toBe(BigInt(platform.clock.now().getTime() - 2) * 1_000_000n);
  const second = resolver.look();
  expect(second).not.toBe(first);
  expect(second).toMatchObject({ manifest: { active: "b" } });
});

test("every look shows what lies there, whatever was written how, with a file system clock of 10 ms ticks", async () => {
  const step = fc.oneof(
    fc.record({ act: fc.constantFrom("write", "replace"), active: fc.constantFrom("a", "b"), version: fc.nat(3) }),
    fc.record({ act: fc.constantFrom("remove", "garbage") }),
    fc.record({ act: fc.constant("wait"), ms: fc.nat(30) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { platform, resolver } = setUp();
      for (const each of steps) {
        if (each.act === "wait" && "ms" in each) await platform.clock.advance(each.ms);
        if (each.act === "write" && "active" in each) platform.write(path, body(each.active, each.version));
        if (each.act === "replace" && "active" in each) platform.replace(path, body(each.active, each.version));
        if (each.act === "garbage") platform.write(path, "{");
        if (each.act === "remove") platform.remove(path);
        const text = platform.text(path);
        const seen = resolver.look();
        if (text === undefined) expect(seen.kind).toBe("missing");
        else if (text === "{") expect(seen.kind).toBe("unusable");
        else expect(seen).toMatchObject({ kind: "manifest", manifest: JSON.parse(text) as object });
      }
    }),
    { numRuns: 200 },
  );
});

test("what is no manifest is told apart: missing, empty, too large, a link, a bad field", async () => {
  const { platform, resolver } = setUp();
  expect(resolver.look()).toMatchObject({ kind: "missing", error: { code: "NO_RELEASE" } });
  platform.write(path, "");
  expect(resolver.look()).toMatchObject({ kind: "unusable", error: { code: "MANIFEST_INVALID" } });
  platform.write(path, "x".repeat(64 * 1024 + 1));
  expect(resolver.look()).toMatchObject({ kind: "unusable", error: { message: expect.stringContaining("65536") } });
  platform.make(path, "symlink");
  expect(resolver.look()).toMatchObject({ kind: "unusable", error: { message: expect.stringContaining("not a regular file") } });
  platform.write(path, body("c", 1));
  expect(resolver.look()).toMatchObject({ kind: "unusable", error: { message: expect.stringContaining('"active"') } });
});

test("a bad manifest has been bad since it was last good, however often its bytes change", async () => {
  const { platform, resolver } = setUp();
  platform.write(path, "{");
  const first = resolver.look();
  await platform.clock.advance(40);
  platform.write(path, "{{");
  const second = resolver.look();
  expect(second.sequence).toBeGreaterThan(first.sequence);
  expect(second).toMatchObject({ kind: "unusable", sinceMs: 0 });
});

test("a look never throws: what the file system refuses is a bad sighting", () => {
  const { platform } = setUp();
  const port = platform.port();
  const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  const files = {
    ...port.files,
    statNow: () => {
      throw denied;
    },
  };
  const resolver = new ManifestResolver({ ...port, files }, path);
  expect(resolver.look()).toMatchObject({ kind: "unusable", error: { code: "PERMISSION_DENIED" } });
  expect(resolver.look()).toBe(resolver.look());
});
