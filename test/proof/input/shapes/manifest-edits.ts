import {
  bytesCase,
  fieldsOf,
  foreign,
  ownCommands,
  refused,
  sealedCase,
  textCases,
  type ManifestCase,
  type ManifestShape,
} from "./manifest-shape.ts";

const wrong = [null, true, 7, -1, "", "x", [], {}, "\u0000", "../x"];

/** A field of the good manifest taken away, and with values of every wrong type; the digest is the old one. */
function editedField(name: string, values: readonly unknown[] = wrong): ManifestShape {
  return foreign(`\`${name}\` edited or gone`, {
    cases: (good) => {
      const { [name]: _gone, ...rest } = fieldsOf(good);
      const edited = values.map((value) =>
        bytesCase(`${name}: ${JSON.stringify(value)}`, JSON.stringify({ ...rest, [name]: value })),
      );
      return name in fieldsOf(good) ? [bytesCase(`no ${name}`, JSON.stringify(rest)), ...edited] : edited;
    },
  });
}

/** Fields of a wrong type under a digest that fits: not a manifest of ours either. */
function malformed(name: string, fields: readonly Record<string, unknown>[]): ManifestShape {
  return foreign(name, {
    cases: (good) => fields.map((each) => sealedCase(JSON.stringify(each).slice(0, 60), good, each)),
  });
}

const deep = (depth: number): string => `${`{"a":`.repeat(depth)}1${"}".repeat(depth)}`;

const own = (name: string, cases: (good: Buffer) => readonly ManifestCase[]): ManifestShape => ({
  name,
  group: "legal",
  cases,
  verdict: { kind: "served", release: "r000002", version: 2, rows: 2 },
  commands: ownCommands,
});

/** Manifests of ours that somebody edited, in parts that do not decide which data are active. */
export const manifestEdits: readonly ManifestShape[] = [
  ...["lastUpdated", "store", "layout", "release", "commit", "record", "previous", "reason", "digest"].map((name) =>
    editedField(name),
  ),
  editedField("note", ["", "rewritten", 7, null, "x".repeat(30_000)]),
  // A text is believed as the stem of the data files: that is among the names.
  editedField("basename", [null, true, 7, [], {}]),
  editedField("formatVersion", [null, true, [], {}, "1", "2", "", 0, -1, -1e9, 0.5]),
  malformed("`previous` malformed under a digest that fits", [
    { previous: "a" },
    { previous: [] },
    { previous: {} },
    { previous: { active: "a", version: -1, release: "r000001" } },
    { previous: { active: "a", version: 1 } },
    { previous: { active: 1, version: 1, release: "r000001" } },
  ]),
  malformed("`commit` missing or malformed under a digest that fits", [
    { commit: undefined },
    { commit: "" },
    { commit: "x" },
    { commit: "F".repeat(32) },
  ]),
  malformed("`layout` unknown under a digest that fits", [
    { layout: "tapes" },
    { layout: "" },
    { layout: undefined },
    { layout: "Slots" },
  ]),
  malformed("`record` malformed under a digest that fits", [
    { record: undefined },
    { record: ".lockkeeper/records/r000002.json" },
    { record: { path: 7, sha256: "0".repeat(64) } },
    { record: { path: ".lockkeeper/records/r000002.json", sha256: "0" } },
  ]),
  malformed("`release` that is no release's id, under a digest that fits", [
    { release: "../../x" },
    { release: "/etc/passwd" },
    { release: "r1" },
    { release: "" },
    { release: "r000002/../r000001" },
    { release: "v2-b" },
  ]),
  malformed("times and reasons that there are not, under a digest that fits", [
    { lastUpdated: "yesterday" },
    { lastUpdated: "2026-13-41T03:00:00Z" },
    { lastUpdated: 1_700_000_000 },
    { reason: "promote" },
    { note: 7 },
  ]),
  refused("`formatVersion` above ours", "field", {
    cases: textCases(
      ["2", "1.5", "1e400", "9007199254740993"],
      (value) => `{"active": "b", "version": 7, "formatVersion": ${value}}`,
    ),
    says: "has formatVersion ",
    code: "FORMAT_UNSUPPORTED",
  }),
  foreign("two fields of one name: the last counts", {
    cases: textCases([
      `{"active": "b", "active": "a", "version": 7}`,
      `{"active": "x", "active": "a", "version": "x", "version": 7}`,
      `{"version": 8, "active": "a", "version": 7}`,
    ]),
    version: 7,
    active: "a",
  }),
  refused("two fields of one name, the last a bad one", "field", {
    cases: textCases([`{"active": "b", "version": 7, "active": "../b"}`, `{"active": "b", "active": null, "version": 7}`]),
    says: `"active" is `,
  }),
  foreign("unknown fields, some of JavaScript's names", {
    cases: textCases([
      `{"active": "a", "version": 7, "files": ["x"], "": 1}`,
      `{"active": "a", "version": 7, "__proto__": {"active": "b"}, "constructor": {"prototype": {"version": 9}}}`,
      `{"active": "a", "version": 7, "toString": 1, "valueOf": null, "hasOwnProperty": false, "then": 1, "toJSON": 1}`,
      `{"active": "a", "version": 7, "by": "\\ud800"}`,
      `{"\\u0061ctive": "\\u0061", "version": 7}`,
    ]),
    version: 7,
    active: "a",
  }),
  foreign("objects in objects", {
    cases: textCases([deep(9_000), deep(10_000)], (value) => `{"active": "a", "version": 7, "x": ${value}}`),
    version: 7,
    active: "a",
  }),
  foreign("a digest that does not fit, ten thousand deep", {
    cases: (good) => [bytesCase("deep", `${good.toString().trim().slice(0, -1)}, "x": ${deep(10_000)}}`)],
  }),
  own("unknown fields under a digest that fits", (good) => [
    sealedCase("added", good, { added: 1, nested: { a: [1, { b: null }] } }),
    sealedCase("names of JavaScript's", good, { ["constructor"]: 1, toString: 2 }),
  ]),
  own("another order and other spaces, 64 KiB at most", (good) => {
    const turned = Object.fromEntries(Object.entries(fieldsOf(good)).toReversed());
    return [
      bytesCase("turned round", JSON.stringify(turned)),
      bytesCase("65,536 bytes", good.toString().padEnd(65_536)),
      bytesCase("65,535 bytes", good.toString().padStart(65_535)),
      bytesCase("without its newline", good.toString().trim()),
    ];
  }),
];
