import { clear, putBytes } from "../support/place.ts";
import { bytesCase, fieldsOf, refused, textCases, type ManifestShape } from "./manifest-shape.ts";

const plain = `{"active": "b", "version": 7}`;

/** What is not the text of one JSON object. */
export const manifestTexts: readonly ManifestShape[] = [
  {
    name: "missing",
    group: "text",
    cases: () => [{ label: "missing", lay: ({ manifest }) => clear(manifest) }],
    verdict: { kind: "refused", code: "NO_RELEASE", says: "there is no manifest at" },
    commands: { status: "fail", path: "NO_RELEASE", rollback: "MANIFEST_GONE", publish: "MANIFEST_GONE" },
  },
  refused("empty", "text", { cases: textCases([""]), says: "is empty" }),
  refused("blank", "text", { cases: textCases([" ", "\n", "\t\r\n".repeat(9)]), says: "is not JSON" }),
  refused("cut off after each of its bytes", "text", {
    // Without its last two bytes it lacks the brace; without the last one only the newline.
    cases: (good) => Array.from({ length: good.length - 2 }, (_, at) => bytesCase(`${at + 1} bytes`, good.subarray(0, at + 1))),
    says: "is not JSON",
  }),
  refused("a byte order mark", "text", { cases: textCases([`\uFEFF${plain}`]), says: "byte order mark" }),
  refused("UTF-16, little endian", "text", {
    cases: () => [
      bytesCase("without a mark", Buffer.from(plain, "utf16le")),
      bytesCase("with one", Buffer.from(`\uFEFF${plain}`, "utf16le")),
    ],
    says: "is not",
  }),
  refused("UTF-16, big endian", "text", {
    cases: () => [
      bytesCase("without a mark", Buffer.from(plain, "utf16le").swap16()),
      bytesCase("with one", Buffer.from(`\uFEFF${plain}`, "utf16le").swap16()),
    ],
    says: "is not",
  }),
  refused("not UTF-8", "text", {
    cases: () => [
      bytesCase("Latin-1", Buffer.from(`{"active": "b", "version": 7, "by": "J\u00f6rg"}`, "latin1")),
      bytesCase("0xff", Buffer.from([0x7b, 0xff, 0x7d])),
      bytesCase("an overlong slash", Buffer.concat([Buffer.from(`{"active":"`), Buffer.from([0xc0, 0xaf]), Buffer.from(`"}`)])),
      bytesCase(
        "a surrogate as bytes",
        Buffer.concat([Buffer.from(`{"active":"`), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(`"}`)]),
      ),
    ],
    says: "is not text in UTF-8",
  }),
  refused("NUL bytes", "text", {
    cases: () => [
      bytesCase("nothing else", Buffer.alloc(700)),
      bytesCase("behind it", `${plain}\0`),
      bytesCase("before it", `\0${plain}`),
      bytesCase("in a name", `{"act\0ive": "b", "version": 7}`),
    ],
    says: "is not JSON",
  }),
  refused("a trailing comma", "text", { cases: textCases([`{"active": "b", "version": 7,}`]), says: "is not JSON" }),
  refused("comments", "text", {
    cases: textCases([`// ours\n${plain}`, `${plain} # ours`, `{"active": "b", /* ours */ "version": 7}`]),
    says: "is not JSON",
  }),
  refused("single quotes or none", "text", {
    cases: textCases([`{'active': 'b', 'version': 7}`, `{active: "b"}`]),
    says: "is not JSON",
  }),
  refused("numbers that JSON has not", "text", {
    cases: textCases(
      ["NaN", "Infinity", "-Infinity", "007", "+7", ".7", "7.", "0x7", "1_000"],
      (value) => `{"active": "b", "version": ${value}}`,
    ),
    says: "is not JSON",
  }),
  refused("two objects", "text", { cases: textCases([`${plain}${plain}`, `${plain}\n${plain}\n`]), says: "is not JSON" }),
  refused("the end of a longer one behind it", "text", {
    cases: (good) => [bytesCase("rewritten in place", Buffer.concat([Buffer.from(plain), good.subarray(plain.length)]))],
    says: "is not JSON",
  }),
  refused("another format", "text", {
    cases: textCases([
      "active = 'b'\nversion = 7\n",
      "active: b\nversion: 7\n",
      "<html><body>502 Bad Gateway</body></html>",
      "b 7",
    ]),
    says: "is not JSON",
  }),
  refused("a list, a string, a number, a word", "text", {
    cases: textCases([`[${plain}]`, "[]", `"b"`, "7", "-0", "true", "false", "null"]),
    says: "is not one JSON object",
  }),
  refused("lists in lists", "text", {
    cases: textCases([`${"[".repeat(30_000)}${"]".repeat(30_000)}`]),
    says: "is not one JSON object",
  }),
  refused("braces that never close", "text", {
    cases: textCases([`{"a":`.repeat(12_000), "[".repeat(65_536)]),
    says: "is not JSON",
  }),
  refused("one byte over 64 KiB", "text", {
    cases: () => [bytesCase("65,537", plain.padEnd(65_537))],
    says: "has 65537 bytes; at most 65536 are read",
  }),
  refused("50 MB", "text", {
    cases: (good) => [
      {
        label: "spaces behind a good one",
        lay: ({ manifest }) => putBytes(manifest, Buffer.concat([good, Buffer.alloc(50e6, " ")])),
      },
      {
        label: "a long list",
        lay: ({ manifest }) => putBytes(manifest, JSON.stringify({ ...fieldsOf(good), files: "x".repeat(50e6) })),
      },
    ],
    says: "at most 65536 are read",
  }),
];
