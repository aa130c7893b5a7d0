import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../../../src/errors/codes.ts";
import { sha256Hex } from "../../../../src/model/manifest.ts";
import { clear, putBytes, putFifo, putFolder, putLink } from "../support/place.ts";
import { foreignCommands, ownCommands, sealedCase, textCases, type ManifestCase, type ManifestShape } from "./manifest-shape.ts";

const basename = (value: string): string => `{"active": "b", "version": 7, "basename": ${JSON.stringify(value)}}`;

const badStems = [
  "../x",
  "../../DB",
  "/etc/DB",
  "x/y",
  "x\\y",
  "C:x",
  "",
  ".",
  "..",
  "-x",
  "D B",
  "x\0",
  "b\u00e9",
  "x".repeat(121),
];

function unopenable(
  name: string,
  rest: Pick<ManifestShape, "cases" | "commands"> & { readonly code: ErrorCode; readonly says: string },
): ManifestShape {
  const { cases, commands, code, says } = rest;
  return { name, group: "names", cases, commands, verdict: { kind: "unopenable", code, says } };
}

const stemRefused = { ...foreignCommands, status: "fail", path: "MANIFEST_INVALID" } as const;

/** The data is whole, and a publish or rollback leads out of it; but no reader can open it, and status says so. */
const recordBroken = { ...ownCommands, status: "fail" } as const;

/** Manifests that name a basename: stem of the data files and catalogue name. */
export const manifestNames: readonly ManifestShape[] = [
  unopenable("`basename` that DuckDB keeps for itself", {
    cases: textCases(["memory", "main", "temp", "system", "MEMORY", "Temp"], basename),
    code: "MANIFEST_INVALID",
    says: `"basename" is "`,
    commands: stemRefused,
  }),
  unopenable("`basename` that leaves the folder or is no stem", {
    cases: textCases(badStems, basename),
    code: "MANIFEST_INVALID",
    says: `"basename" is "`,
    commands: stemRefused,
  }),
  unopenable("`basename` no file has", {
    cases: textCases(["other", "DB_b", "db", "__proto__"], basename),
    code: "FILE_MISSING",
    says: "but there is no ",
    commands: { ...foreignCommands, status: "fail" },
  }),
  unopenable("`basename` that leaves the folder, under a digest that fits", {
    cases: (good) => [...badStems, "memory", "SYSTEM"].map((stem) => sealedCase(stem, good, { basename: stem })),
    code: "MANIFEST_INVALID",
    says: `"basename" is "`,
    commands: stemRefused,
  }),
];

const reference = ".lockkeeper/records/r000002.json";

/** A manifest under a digest that fits whose record is what `lay` puts at the record's place; `undefined` for no sha256 of it. */
function recordCase(label: string, lay: (path: string, record: Buffer) => void): (good: Buffer) => ManifestCase {
  return (good) => ({
    label,
    lay(place) {
      const path = join(place.folder, reference);
      lay(path, place.record);
      sealedCase(label, good, { record: { path: reference, sha256: sha256Hex(readFileSync(path)) } }).lay(place);
    },
  });
}

const edited = (label: string, edit: (record: Record<string, unknown>) => unknown) =>
  recordCase(label, (path, record) =>
    putBytes(path, JSON.stringify(edit(JSON.parse(record.toString()) as Record<string, unknown>))),
  );

/** Something else in the record's place, under the good manifest. */
const replaced =
  (label: string, lay: (path: string, record: Buffer) => void) =>
  (good: Buffer): ManifestCase => ({
    label,
    lay({ folder, manifest, record }) {
      lay(join(folder, reference), record);
      putBytes(manifest, good);
    },
  });

const pathsOut = [
  "../r000002.json",
  ".lockkeeper/records/../../../r000002.json",
  "/etc/hostname",
  ".lockkeeper\\records\\r000002.json",
  "..\\..\\x",
  "C:/x.json",
  "",
  ".",
  "..",
  ".lockkeeper/records/",
  ".lockkeeper//records/r000002.json",
  "./.lockkeeper/records/r000002.json",
  ".lockkeeper/records/r000002.json\0",
  ".lockkeeper/records",
];

const all =
  (...cases: readonly ((good: Buffer) => ManifestCase)[]) =>
  (good: Buffer): ManifestCase[] =>
    cases.map((each) => each(good));

/** Manifests of ours whose release record is not what they say. Commands that need no record of the active release go on: the next publish heals it. */
export const manifestRecords: readonly ManifestShape[] = [
  unopenable("`record.path` that leaves the folder or is none", {
    cases: (good) => pathsOut.map((path) => sealedCase(path, good, { record: { path, sha256: "0".repeat(64) } })),
    code: "MANIFEST_INVALID",
    says: `"record.path" is "`,
    commands: recordBroken,
  }),
  unopenable("`record.path` through a link out of the folder", {
    cases: (good) => [
      {
        label: "a file",
        lay(place) {
          writeFileSync(join(place.folder, "../out.json"), "{}");
          symlinkSync("../out.json", join(place.folder, "out.json"));
          sealedCase("", good, { record: { path: "out.json", sha256: sha256Hex("{}") } }).lay(place);
        },
      },
      {
        label: "a folder",
        lay(place) {
          symlinkSync("/etc", join(place.folder, "etc"));
          sealedCase("", good, { record: { path: "etc/hostname", sha256: "0".repeat(64) } }).lay(place);
        },
      },
    ],
    code: "MANIFEST_INVALID",
    says: `"record.path" is "`,
    commands: recordBroken,
  }),
  unopenable("`record.sha256` of something else", {
    cases: (good) =>
      ["0", "f"].map((digit) => sealedCase(digit, good, { record: { path: reference, sha256: digit.repeat(64) } })),
    code: "RECORD_INVALID",
    says: "differs from the sha256 in the manifest",
    commands: recordBroken,
  }),
  unopenable("a record that is missing", {
    cases: all(replaced("gone", clear)),
    code: "RECORD_INVALID",
    says: "cannot be read at ",
    commands: recordBroken,
  }),
  unopenable("a record that is empty, cut off or edited", {
    cases: all(
      replaced("empty", (path) => putBytes(path, "")),
      replaced("cut off", (path, record) => putBytes(path, record.subarray(0, 100))),
      replaced("edited", (path, record) => putBytes(path, record.toString().replace("r000002", "r000009"))),
    ),
    code: "RECORD_INVALID",
    says: "differs from the sha256 in the manifest",
    commands: recordBroken,
  }),
  unopenable("a link, a folder or a FIFO for a record", {
    cases: all(
      replaced("a link to nowhere", (path) => putLink(path, "nowhere")),
      replaced("a link to another record", (path) => putLink(path, "r000001.json")),
      replaced("a link to itself", (path) => putLink(path, "r000002.json")),
      replaced("a folder", putFolder),
      replaced("a FIFO", putFifo),
    ),
    code: "MANIFEST_INVALID",
    says: `"record.path" is "`,
    commands: recordBroken,
  }),
  unopenable("a record of another shape, under its sha256", {
    cases: all(
      recordCase("not JSON", (path) => putBytes(path, "{")),
      edited("a list", (record) => [record]),
      edited("null", () => null),
      edited("no uid", ({ uid: _uid, ...rest }) => rest),
      edited("no files", ({ files: _files, ...rest }) => rest),
      edited("bytes as text", (record) => ({ ...record, files: [{ path: "DB_b.duckdb", bytes: "7", sha256: "0".repeat(64) }] })),
      edited("another release's", (record) => ({ ...record, release: "r000001" })),
      edited("another file's", (record) => ({ ...record, files: [{ path: "DB_a.duckdb", bytes: 7, sha256: "0".repeat(64) }] })),
      edited("a file's outside", (record) => ({
        ...record,
        files: [{ path: "../DB_b.duckdb", bytes: 7, sha256: "0".repeat(64) }],
      })),
    ),
    code: "RECORD_INVALID",
    says: "r000002",
    commands: recordBroken,
  }),
  unopenable("a record of a higher format", {
    cases: all(edited("2", (record) => ({ ...record, formatVersion: 2 }))),
    code: "FORMAT_UNSUPPORTED",
    says: "has formatVersion 2",
    commands: recordBroken,
  }),
  {
    name: "`previous` that names what is not kept",
    group: "legal",
    cases: (good) => [
      sealedCase("unknown", good, { previous: { active: "a", version: 1, release: "r000777" } }),
      sealedCase("none", good, { previous: undefined }),
      sealedCase("itself", good, { previous: { active: "b", version: 2, release: "r000003" } }),
    ],
    verdict: { kind: "served", release: "r000002", version: 2, rows: 2 },
    commands: { ...ownCommands, rollback: "RELEASE_UNKNOWN" },
  },
];
