import { expect, test } from "vitest";
import { isHostHeader, isLoopback, originOf, parseListen } from "../../src/model/listen.ts";

test.each([
  ["127.0.0.1:4600", "127.0.0.1", 4_600],
  ["0.0.0.0:0", "0.0.0.0", 0],
  ["localhost:65535", "localhost", 65_535],
  ["[::1]:4600", "::1", 4_600],
  ["[::]:80", "::", 80],
  ["[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80],
  ["analytics-1.example.com:8080", "analytics-1.example.com", 8_080],
])("%s is an address", (text, host, port) => {
  expect(parseListen(text)).toEqual({ host, port });
});

test.each([
  "",
  "4600",
  ":4600",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "127.0.0.1:-1",
  "127.0.0.1:4600 ",
  "127.1:4600",
  "127.0.0.256:4600",
  "127.0.0.01:4600",
  "1.2.3.4.5:80",
  "4600:80",
  "::1:4600",
  "[::1]",
  "[:::1]:80",
  "[localhost]:80",
  "[fe80::1%eth0]:80",
  "-a.example:80",
  "a..example:80",
  "exa mple:80",
  "http://127.0.0.1:4600",
  "a/b:80",
  `${"a".repeat(254)}:80`,
])("%j is none", (text) => {
  expect(parseListen(text)).toBeUndefined();
});

test.each(["analytics.example.com", "analytics.example.com:8443", "localhost", "10.0.0.7", "10.0.0.7:80", "[::1]", "[::1]:80"])(
  "%s can be a Host header",
  (text) => expect(isHostHeader(text)).toBe(true),
);

test.each(["", "*", "*.example.com", "example.com:0", "example.com:", "https://example.com", "example.com/", "a b", "::1"])(
  "%j cannot",
  (text) => expect(isHostHeader(text)).toBe(false),
);

test.each(["127.0.0.1", "127.255.255.254", "::1", "[::1]", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"])(
  "%s is reached from this machine only",
  (host) => expect(isLoopback(host)).toBe(true),
);

test.each([
  "",
  "0.0.0.0",
  "::",
  "128.0.0.1",
  "127.0.0.1.example.com",
  "127.1",
  "localhost.example.com",
  "::ffff:127.0.0.1",
  "::2",
  "1::1",
  "10.0.0.1",
])("%j is not taken for it", (host) => expect(isLoopback(host)).toBe(false));

test.each([
  [{ host: "127.0.0.1", port: 4_600 }, "http://127.0.0.1:4600"],
  [{ host: "::1", port: 4_600 }, "http://[::1]:4600"],
  [{ host: "analytics.example.com", port: 80 }, "http://analytics.example.com"],
  [{ host: "127.0.0.1", port: 0 }, undefined],
  [{ host: "0.0.0.0", port: 4_600 }, undefined],
  [{ host: "::", port: 4_600 }, undefined],
  [{ host: "0:0::0", port: 4_600 }, undefined],
  [{ host: "xn--a", port: 4_600 }, undefined],
])("%j is asked at %s", (listen, origin) => expect(originOf(listen)).toBe(origin));
