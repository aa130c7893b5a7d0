import { foreign, foreignCommands, refused, textCases, type ManifestShape } from "./manifest-shape.ts";

const values = ["null", "true", "[]", "{}", `["b"]`, `{"active": "b"}`];
const active = (value: string): string => `{"active": ${value}, "version": 7}`;
const activeText = (value: string): string => active(JSON.stringify(value));
const version = (value: string): string => `{"active": "b", "version": ${value}}`;

/** What the field `active` may hold. No path can hide in it. */
export const manifestActives: readonly ManifestShape[] = [
  refused("no `active`", "field", {
    cases: textCases([`{}`, `{"version": 7}`, `{"Active": "b", "version": 7}`]),
    says: `"active" is missing`,
  }),
  refused("`active` of another type", "field", { cases: textCases([...values, "7", "0"], active), says: `"active" is ` }),
  refused("`active` in capitals", "field", { cases: textCases(["A", "B"], activeText), says: `"active" is "` }),
  refused("`active` empty or with spaces", "field", {
    cases: textCases(["", " ", " b", "b ", "b\n", "\tb", "bb", "a,b", "ab"], activeText),
    says: `"active" is "`,
  }),
  refused("`active` that leaves the folder", "field", {
    cases: textCases(
      [
        "..",
        ".",
        "../b",
        "../../etc/passwd",
        "/etc/passwd",
        "a/../b",
        "a/../../x",
        "./b",
        "b/",
        "..\\b",
        "C:\\b",
        "\\\\host\\b",
        "file:///b",
      ],
      activeText,
    ),
    says: `"active" is "`,
  }),
  refused("`active` with NUL", "field", { cases: textCases(["b\0", "\0b", "b\0/../x"], activeText), says: `"active" is "` }),
  refused("`active` that is a device on Windows", "field", {
    cases: textCases(["CON", "nul", "AUX", "COM1", "lpt1.duckdb"], activeText),
    says: `"active" is "`,
  }),
  refused("`active` that only looks like a slot", "field", {
    cases: textCases(["\u0430", "\uff42", "b\u200b", "\u202eb", "\u1d47"], activeText),
    says: `"active" is "`,
  }),
  refused("`active` with a lone surrogate", "field", {
    cases: textCases([`"\\ud800"`, `"b\\udc00"`], active),
    says: `"active" is "`,
  }),
  refused("`active` that is a name of JavaScript's", "field", {
    cases: textCases(["__proto__", "constructor", "toString", "hasOwnProperty"], activeText),
    says: `"active" is "`,
  }),
  refused("`active` of 60 KB", "field", {
    cases: textCases(["b".repeat(60_000), "r".padEnd(60_000, "0")], activeText),
    says: `"active" is "`,
  }),
  refused("fields below `__proto__` or `constructor` only", "field", {
    cases: textCases([
      `{"__proto__": {"active": "b", "version": 7}}`,
      `{"constructor": {"prototype": {"active": "b", "version": 7}}}`,
    ]),
    says: `"active" is missing`,
  }),
  {
    name: "`active` that is a release's id",
    group: "names",
    cases: textCases(["r000042", "r000002", "r123456789012345"], activeText),
    verdict: { kind: "unopenable", code: "FILE_MISSING", says: "releases/r" },
    commands: { ...foreignCommands, status: "fail", path: "CONFIG_INVALID" },
  },
];

/** What the field `version` may hold. */
export const manifestVersions: readonly ManifestShape[] = [
  refused("no `version`", "field", {
    cases: textCases([`{"active": "b"}`, `{"active": "b", "Version": 7}`]),
    says: `"version" is missing`,
  }),
  refused("`version` of another type", "field", { cases: textCases(values, version), says: `"version" is ` }),
  refused("`version` as text", "field", { cases: textCases([`"7"`, `"v7"`, `""`, `"0x7"`], version), says: `"version" is "` }),
  refused("`version` with a fraction", "field", {
    cases: textCases(["0.5", "7.0001", "1e-3", "-0.5"], version),
    says: `"version" is `,
  }),
  refused("`version` below zero", "field", {
    cases: textCases(["-1", "-7", "-9007199254740991"], version),
    says: `"version" is -`,
  }),
  refused("`version` of 1e400", "field", {
    cases: textCases(["1e400", "1e99999", `1${"0".repeat(400)}`], version),
    says: `"version" is Infinity`,
  }),
  refused("`version` of -1e400", "field", { cases: textCases(["-1e400"], version), says: `"version" is -Infinity` }),
  refused("`version` of 2^53 and above", "field", {
    cases: textCases(["9007199254740992", "9007199254740993", "18446744073709551616", "1e300"], version),
    says: `"version" is `,
  }),
  foreign("`version` of zero", { cases: textCases(["0", "0.0", "0e9"], version), version: 0 }),
  foreign("`version` of minus zero", { cases: textCases(["-0", "-0.0", "-1e-400"], version), version: 0 }),
  foreign("`version` of 1.0", { cases: textCases(["1.0", "1e0", "10e-1"], version), version: 1 }),
  foreign("`version` of 2^53 - 1", {
    cases: textCases(["9007199254740991"], version),
    version: Number.MAX_SAFE_INTEGER,
  }),
  foreign("`version` going back", { cases: textCases(["1"], version), version: 1 }),
  foreign("`version` repeated", { cases: textCases(["2"], version), version: 2 }),
];
