import { row, wire, type BadRequest } from "./row.ts";

const list = "/v1/stores";
const invalid = [400, "REQUEST_INVALID"] as const;
const hostRefused = [421, "HOST_REFUSED"] as const;
const methodRefused = [405, "METHOD_REFUSED"] as const;
const head = "Host: HOST\r\nAuthorization: Bearer TOKEN\r\n";
const post =
  'POST /v1/stores/holdings/rollback HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nIf-Match: "1"\r\nContent-Type: application/json\r\n';

const methods: BadRequest[] = [
  ...["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "PURGE"].map((method) =>
    row(`${method} where only GET is`, { method, target: list }, methodRefused),
  ),
  row("GET where only POST is", { target: "/v1/stores/holdings/rollback" }, methodRefused),
  row("a method that is none", { method: "GRAB", target: list }, invalid),
  row("a method in lower case", { method: "get", target: list }, invalid),
  row("a method with a space", { method: "GET X", target: list }, invalid),
  row("no method", { method: "", target: list }, invalid),
];

const versions: BadRequest[] = [
  wire("HTTP/2.0", `GET ${list} HTTP/2.0\r\n${head}\r\n`, invalid),
  wire("HTTP/0.9", `GET ${list}\r\n\r\n`, invalid),
  wire("HTTP/1.9", `GET ${list} HTTP/1.9\r\n${head}\r\n`, invalid),
  wire("another protocol", `GET ${list} HTCPCP/1.0\r\n${head}\r\n`, invalid),
  wire("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", invalid),
  wire("TLS to a port without", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", invalid),
  wire("a proxy's protocol", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n\r\n", invalid),
  wire("no HTTP at all", "hello\r\n\r\n", invalid),
  wire("NULs", "\0\0\0\0\r\n\r\n", invalid),
];

const hosts: BadRequest[] = [
  row("no Host", { target: list, headers: { Host: undefined } }, invalid),
  wire("no Host in HTTP/1.0", `GET ${list} HTTP/1.0\r\nAuthorization: Bearer TOKEN\r\n\r\n`, invalid),
  row("an empty Host", { target: list, headers: { Host: "" } }, invalid),
  row("two Hosts", ({ host }) => ({ target: list, headers: { Host: [host, "evil.example"] } }), invalid),
  row("the same Host twice", ({ host }) => ({ target: list, headers: { Host: [host, host] } }), invalid),
  row("two Hosts in one", ({ host }) => ({ target: list, headers: { Host: `${host}, evil.example` } }), invalid),
  row("the name of a rebinding page", { target: list, headers: { Host: "evil.example" } }, hostRefused),
  row(
    "the same with our port",
    ({ host }) => ({ target: list, headers: { Host: `evil.example:${host.split(":")[1]}` } }),
    hostRefused,
  ),
  row("a name that begins as ours", { target: list, headers: { Host: "127.0.0.1.evil.example" } }, hostRefused),
  row("a name that ends as ours", { target: list, headers: { Host: "evil.localhost" } }, hostRefused),
  row("our address in another spelling", { target: list, headers: { Host: "2130706433" } }, hostRefused),
  row("a Host with a path", ({ host }) => ({ target: list, headers: { Host: `${host}/v1` } }), invalid),
  row("a Host with a user", ({ host }) => ({ target: list, headers: { Host: `a@${host}` } }), invalid),
  row("a Host with a space", { target: list, headers: { Host: "local host" } }, invalid),
  row("a Host with a port that is none", { target: list, headers: { Host: "127.0.0.1:99999" } }, invalid),
  row("a Host in a script", { target: list, headers: { Host: "\u00ff\u00fe" } }, invalid),
];

const smuggling: BadRequest[] = [
  wire("both lengths", `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, invalid),
  wire("both lengths, the other way round", `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`, invalid),
  wire("two lengths", `${post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`, invalid),
  wire("a list of lengths", `${post}Content-Length: 4, 5\r\n\r\nabcde`, invalid),
  wire("a negative length", `${post}Content-Length: -1\r\n\r\n`, invalid),
  wire("a length with a sign", `${post}Content-Length: +4\r\n\r\nabcd`, invalid),
  wire("a length in hex", `${post}Content-Length: 0x4\r\n\r\nabcd`, invalid),
  wire("a length beyond counting", `${post}Content-Length: 99999999999999999999\r\n\r\n`, invalid),
  wire("an encoding that is not the last", `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, invalid),
  wire("an unknown encoding", `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, invalid),
  wire("a space before the colon", `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, invalid),
  wire("a folded header", `${post}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, invalid),
  wire("chunks whose size is no number", `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n`, invalid),
  wire("a chunk longer than it says", `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`, invalid),
  wire("a chunk of a size beyond counting", `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`, invalid),
  wire("20,000 bytes about a chunk", `${post}Transfer-Encoding: chunked\r\n\r\n1;${"a".repeat(20_000)}\r\na\r\n0\r\n\r\n`, [
    413,
    "REQUEST_TOO_LARGE",
  ]),
  wire("lines that end with LF", `GET ${list} HTTP/1.1\nHost: HOST\n\n`, invalid),
  wire("a bare CR in a header", `GET ${list} HTTP/1.1\r\nHost: HOST\r\nX: a\rb\r\n\r\n`, invalid),
  wire("a NUL in a header", `GET ${list} HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n`, invalid),
  wire("a header without a colon", `GET ${list} HTTP/1.1\r\nHost: HOST\r\nX\r\n\r\n`, invalid),
  wire("a header without a name", `GET ${list} HTTP/1.1\r\nHost: HOST\r\n: x\r\n\r\n`, invalid),
  wire("a header's name with a bracket", `GET ${list} HTTP/1.1\r\nHost: HOST\r\nX[]: a\r\n\r\n`, invalid),
  wire("an obsolete line before the headers", `GET ${list} HTTP/1.1\r\n Host: HOST\r\n\r\n`, invalid),
];

const heads: BadRequest[] = [
  row("a header of 20,000 bytes", { target: list, headers: { "X-Long": "a".repeat(20_000) } }, [431, "REQUEST_TOO_LARGE"]),
  row("6,000 headers", { target: list, headers: { "X-A": Array.from({ length: 6_000 }, () => "bb") } }, [
    431,
    "REQUEST_TOO_LARGE",
  ]),
  row("an address of 100,000 bytes", { target: `/${"a".repeat(100_000)}` }, [431, "REQUEST_TOO_LARGE"]),
  row("Expect of something else", { target: list, headers: { Expect: "200-ok" } }, [417, "REQUEST_INVALID"]),
];

/** Messages that are no good HTTP, or not for this server. */
export const messageRows: readonly BadRequest[] = [...methods, ...versions, ...hosts, ...smuggling, ...heads];
