import { row, wire, type BadRequest } from "./row.ts";

const store = "/v1/stores/holdings";
const unknown = [404, "ROUTE_UNKNOWN"] as const;
const invalid = [400, "REQUEST_INVALID"] as const;
const tableUnknown = [404, "TABLE_UNKNOWN"] as const;
const storeUnknown = [404, "STORE_UNKNOWN"] as const;

/** Ways out of the place that an address names. */
const escapes = [
  "../../../etc/passwd",
  "..%2f..%2f..%2fetc%2fpasswd",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "..%5c..%5cwindows%5cwin.ini",
];
const moreEscapes = ["%252e%252e%252fetc%252fpasswd", "..%c0%af..%c0%afetc", "%uff0e%uff0e%u2215etc", "....//....//etc/passwd"];

const traversals: BadRequest[] = [
  row("traversal at the root", { target: "/../../../etc/passwd" }, unknown),
  row("traversal at the root, dots encoded", { target: "/%2e%2e/%2e%2e/etc/passwd" }, unknown),
  row("traversal at the root, all encoded", { target: "/%2e%2e%2f%2e%2e%2fetc%2fpasswd" }, unknown),
  row("traversal with backslashes", { target: "/..\\..\\windows\\win.ini" }, invalid),
  row("traversal with encoded backslashes", { target: "/..%5c..%5cwindows" }, unknown),
  row("a path of many dots", { target: `/${"../".repeat(1_000)}etc/passwd` }, unknown),
  row("two slashes before a host", { target: "//etc/passwd" }, unknown),
  row("a file of the package", { target: "/package.json" }, unknown),
  row("the configuration", { target: "/lockkeeper.toml" }, unknown),
  row("the manifest", { target: "/data/holdings/db_manifest.json" }, unknown),
  row("a path behind a file", { target: "/openapi.json/../../lockkeeper.toml" }, unknown),
  row("a path parameter", { target: "/openapi.json;x=1" }, unknown),
  row("a slash at the end", { target: "/v1/stores/" }, unknown),
  row("another case", { target: "/V1/Stores" }, unknown),
  ...[...escapes, ...moreEscapes].map((text) => {
    const up = text.startsWith("../") || text.startsWith("....");
    return row(`traversal as a table: ${text}`, { target: `${store}/tables/${text}` }, up ? unknown : tableUnknown);
  }),
  ...["..%2f..%2fmarts", "%2e%2e%2fmarts", "holdings%2f..%2fmarts", "holdings%00", "HOLDINGS", "__proto__x", "a".repeat(65)].map(
    (text) => row(`no store: ${text.slice(0, 20)}`, { target: `/v1/stores/${text}` }, invalid),
  ),
  ...["constructor", "tostring", "hasownproperty", "nothere"].map((text) =>
    row(`a store that is not there: ${text}`, { target: `/v1/stores/${text}` }, storeUnknown),
  ),
  ...["..%2fr000001", "%00", "r000001%00", "r000001%2f..", "__proto__", "a".repeat(65), "%0d%0aSet-Cookie:x"].map((text) =>
    row(`no release: ${text.slice(0, 20)}`, { target: `${store}/releases/${text}` }, invalid),
  ),
  ...["constructor", "r999999", "R000001", "v1-a"].map((text) =>
    row(`a release that is not there: ${text}`, { target: `${store}/releases/${text}` }, [404, "RELEASE_UNKNOWN"]),
  ),
];

const encodings: BadRequest[] = [
  row("a NUL in a table", { target: `${store}/tables/t%00` }, tableUnknown),
  row("a NUL in a path", { target: "/v1%00/stores" }, unknown),
  row("a percent sign alone", { target: `${store}/tables/%` }, tableUnknown),
  row("a percent sign and a letter", { target: `${store}/tables/%zz` }, tableUnknown),
  row("half a percent encoding", { target: `${store}/tables/%4` }, tableUnknown),
  row("overlong UTF-8", { target: `${store}/tables/%c0%af` }, tableUnknown),
  row("UTF-8 cut short", { target: `${store}/tables/%e2%82` }, tableUnknown),
  row("a surrogate in UTF-8", { target: `${store}/tables/%ed%a0%80` }, tableUnknown),
  row("bytes that are no UTF-8", { target: `${store}/tables/%ff%fe` }, tableUnknown),
  row("bytes as they are", { target: `${store}/tables/\u00ff\u00fe` }, invalid),
  row("a line break in a table", { target: `${store}/tables/t%0d%0aX-Evil:%201` }, tableUnknown),
  row("a malformed name of a parameter", { target: `${store}/tables?%zz=1` }, invalid),
  row("invalid UTF-8 in a parameter", { target: `${store}/tables?release=%ff` }, invalid),
  row("a fragment", { target: `${store}/tables/none#x` }, tableUnknown),
  row("a table of 10,000 characters", { target: `${store}/tables/${"a".repeat(9_000)}` }, [414, "REQUEST_TOO_LARGE"]),
  row("a table of 301 characters", { target: `${store}/tables/${"a".repeat(301)}` }, invalid),
  row("an address of 8,001 bytes", { target: `/v1/stores?${"a".repeat(8_000)}` }, [414, "REQUEST_TOO_LARGE"]),
  row("1,000 parameters", { target: `${store}/tables?${"a&".repeat(1_000)}` }, invalid),
  row(
    "1,000 different parameters",
    { target: `/v1/stores?${Array.from({ length: 1_000 }, (_, n) => `p${n}=`).join("&")}` },
    invalid,
  ),
];

const targets: BadRequest[] = [
  wire("an address that is no path", "GET stores HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", invalid),
  wire("the asterisk", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", invalid),
  wire(
    "an absolute address of another host",
    "GET http://evil.example/v1/stores HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    invalid,
  ),
  wire("an absolute address of nobody", "GET http:///v1/stores HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", invalid),
  wire(
    "an absolute address with a user",
    "GET http://a@HOST/v1/stores HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    invalid,
  ),
  wire("an address of another scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", invalid),
  wire("a way to elsewhere", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", [405, "REQUEST_INVALID"]),
  wire("a space in the address", "GET /v1/ stores HTTP/1.1\r\nHost: HOST\r\n\r\n", invalid),
  wire("no address", "GET  HTTP/1.1\r\nHost: HOST\r\n\r\n", invalid),
];

/** Addresses that lead nowhere. */
export const addressRows: readonly BadRequest[] = [...traversals, ...encodings, ...targets];
