import fc from "fast-check";
import { expect, test } from "vitest";
import {
  basenameIn,
  foreignRelease,
  identifyManifest,
  manifestIdentity,
  parseManifest,
  releaseOf,
  renderManifest,
  type OwnManifest,
} from "../../src/model/manifest.ts";

const fields: Omit<OwnManifest, "formatVersion" | "digest"> = {
  active: "b",
  version: 43,
  lastUpdated: "2026-11-21T03:00:00.000Z",
  store: "holdings",
  layout: "slots",
  basename: "DB",
  release: "r000043",
  commit: "3f9c".repeat(8),
  record: { path: ".lockkeeper/records/r000043.json", sha256: "ab".repeat(32) },
  previous: { active: "a", version: 42, release: "r000042" },
  reason: "publish",
};

const parse = (text: string | Buffer) => parseManifest(Buffer.from(text), "m.json");

test("what is written is read back as ours", () => {
  const manifest = parse(renderManifest(fields));
  expect(manifest.own).toMatchObject(fields);
  expect(releaseOf(manifest)).toBe("r000043");
});

test("its first lines are the three fields of the contract with other programs", () => {
  expect(Object.keys(JSON.parse(renderManifest(fields).toString()) as object).slice(0, 3)).toEqual([
    "active",
    "version",
    "lastUpdated",
  ]);
});

test("three fields, or two, are a whole manifest: another program's", () => {
  const manifest = parse(`{"active": "a", "version": 1}`);
  expect(manifest).toEqual({
    active: "a",
    version: 1,
    lastUpdated: undefined,
    layout: "slots",
    basename: undefined,
    own: undefined,
  });
  expect(releaseOf(manifest)).toBe("v1-a");
  expect(parse(`{"active": "a", "version": -0}`).version).toBe(0);
  expect(foreignRelease({ active: "b", version: 7 })).toBe("v7-b");
});

test("any edit of one of our manifests makes it foreign; another order, spacing or an unknown digest field does not hide it", () => {
  const value = JSON.parse(renderManifest(fields).toString()) as Record<string, unknown>;
  expect(parse(JSON.stringify(Object.fromEntries(Object.entries(value).toReversed()), null, 7)).own).toBeDefined();
  for (const name of Object.keys(value)) {
    if (name === "formatVersion" || name === "active") continue;
    const changed = typeof value[name] === "number" ? { ...value, [name]: 44 } : { ...value, [name]: "2026-11-21T03:00:01.000Z" };
    expect([name, parse(JSON.stringify(changed)).own]).toEqual([name, undefined]);
  }
  expect(parse(JSON.stringify({ ...value, active: "a" })).own).toBeUndefined();
  expect(parse(JSON.stringify({ ...value, added: 1 })).own).toBeUndefined();
});

test("under a digest that fits a release that is no id and a basename that is no stem are not ours: a path could hide in them", () => {
  for (const edit of [{ release: "../../x" }, { release: "v1-a" }, { basename: "../x" }, { basename: "memory" }]) {
    expect([edit, parse(renderManifest({ ...fields, ...edit })).own]).toEqual([edit, undefined]);
  }
  expect(() => basenameIn(parse(renderManifest({ ...fields, basename: "../x" })), "m.json")).toThrow(
    expect.objectContaining({
      code: "MANIFEST_INVALID",
      message: expect.stringContaining(`m.json: "basename" is "../x"`),
    }) as Error,
  );
  expect(basenameIn(parse(renderManifest(fields)), "m.json")).toBe("DB");
});

test("an addition that is nested deeper than the stack is another program's edit", () => {
  const deep = `${`{"a":`.repeat(10_000)}1${"}".repeat(10_000)}`;
  const text = renderManifest(fields).toString().trim().slice(0, -1);
  expect(parse(`${text}, "x": ${deep}}`)).toMatchObject({ version: 43, own: undefined });
});

test.each([
  ["", "is empty"],
  ["{", "is not JSON"],
  ["[]", "is not one JSON object"],
  ["null", "is not one JSON object"],
  ["3", "is not one JSON object"],
  [Buffer.from(`{"active": "a", "version": 1}`, "utf16le"), "is not JSON"],
  [Buffer.from(`\uFEFF{"active": "a", "version": 1}`, "utf16le"), "is not text in UTF-8"],
  [Buffer.from([0x7b, 0xff, 0x7d]), "is not text in UTF-8"],
  [`\uFEFF{"active": "a", "version": 1}`, "begins with a byte order mark"],
  [`{"active": "a", "version": 1,}`, "is not JSON: "],
  [`{}`, `"active" is missing`],
  [`{"active": "c", "version": 1}`, `"active" is "c"`],
  [`{"active": ["a"], "version": 1}`, `"active" is ["a"]`],
  [`{"active": "../a", "version": 1}`, `"active" is "../a"`],
  [`{"active": "/etc", "version": 1}`, `"active" is "/etc"`],
  [`{"active": "a"}`, `"version" is missing`],
  [`{"active": "a", "version": "1"}`, `"version" is "1"`],
  [`{"active": "a", "version": -1}`, `"version" is -1`],
  [`{"active": "a", "version": 1.5}`, `"version" is 1.5`],
  [`{"active": "a", "version": 1e400}`, `"version" is Infinity`],
  [`{"active": "a", "version": 9007199254740993}`, `"version" is 9007199254740992`],
])("refuses %s and names what is wrong", (text, message) => {
  expect(() => parse(text)).toThrow(
    expect.objectContaining({ code: "MANIFEST_INVALID", exit: 13, message: expect.stringContaining(message) }) as Error,
  );
});

test("a format above ours is unsupported, exit 14", () => {
  expect(() => parse(`{"active": "a", "version": 1, "formatVersion": 2}`)).toThrow(
    expect.objectContaining({ code: "FORMAT_UNSUPPORTED", exit: 14 }) as Error,
  );
});

test("no bytes at all ever end in anything but a manifest or a clear error", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      ),
      (input) => {
        try {
          parse(Buffer.from(input as string));
        } catch (error) {
          expect(error).toMatchObject({ name: "LockkeeperError" });
        }
      },
    ),
  );
});

test("FACTS 5: identity is bytes, device, inode, size and change time together", () => {
  const stat = { kind: "file", device: 1n, inode: 2n, bytes: 29, changedNs: 3n };
  const bytes = Buffer.from(`{"active": "a", "version": 1}`);
  const identity = manifestIdentity(bytes, stat);
  expect(manifestIdentity(bytes, { ...stat })).toBe(identity);
  const others = [
    { ...stat, device: 9n },
    { ...stat, inode: 9n },
    { ...stat, bytes: 9 },
    { ...stat, changedNs: 9n },
  ];
  for (const other of others) expect(manifestIdentity(bytes, other)).not.toBe(identity);
  expect(manifestIdentity(Buffer.from(`{"active": "b", "version": 1}`), stat)).not.toBe(identity);
});

test("something that is not a regular file, or a file over 64 KiB, is refused without its bytes", () => {
  const stat = { device: 1n, inode: 2n, changedNs: 3n };
  expect(() => identifyManifest({ bytes: undefined, stat: { ...stat, kind: "other", bytes: 0 } }, "m.json")).toThrow(
    /not a regular file/,
  );
  expect(() => identifyManifest({ bytes: undefined, stat: { ...stat, kind: "file", bytes: 70_000 } }, "m.json")).toThrow(
    /70000 bytes; at most 65536/,
  );
});
