import { createHash } from "node:crypto";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/model/config-findings.ts";
import { serveSettings } from "../../src/model/serve-config.ts";

const stores = `[stores.holdings]\nkind = "release"\ndir = "a"\n[stores.prices]\nkind = "release"\ndir = "b"\n`;
const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const token = (more: string, name = "x") => `[[tokens]]\nname = "${name}"\nlevel = "read"\n${more}\n`;

function parsed(text: string) {
  return parseConfig(parse(`format = 1\n${text}`));
}

/** Findings of one file, each as its key and what is said of it. */
function findings(text: string) {
  const result = parsed(text);
  expect(result.config).toBeUndefined();
  expect(result.findings.every(({ code }) => code === "CONFIG_INVALID")).toBe(true);
  return result.findings.map(({ subject, detail }) => [subject, detail]);
}

function settings(text: string) {
  const { config, findings: faults } = parsed(text);
  expect(faults).toEqual([]);
  if (config === undefined) throw new Error("no configuration");
  return serveSettings(config);
}

const defaults = {
  listen: { host: "127.0.0.1", port: 4_600 },
  defaultStore: undefined,
  hosts: [],
  cacheBytes: 64_000_000,
  drainTimeoutMs: 30_000,
  limits: {
    concurrency: 8,
    queue: 64,
    queueWaitMs: 5_000,
    rows: 100_000,
    timeMs: 30_000,
    bytes: 64_000_000,
    bodyBytes: 64_000,
    urlBytes: 8_000,
    eventStreams: 256,
  },
  unavailable: "empty",
  alarms: { behindMs: 60_000, failing: 3, drainingMs: 120_000 },
  log: "info",
};

describe("settings of the server", () => {
  it("have a default for all that is left out", () => {
    for (const text of ["", "[serve]", "[serve]\nlimits = {}\nalarms = {}"]) expect(settings(text)).toEqual(defaults);
  });

  it("name where others ask only if the file says where the server listens", () => {
    expect(settings("").origin).toBeUndefined();
    expect(settings('[serve]\nlisten = "127.0.0.1:4600"').origin).toBe("http://127.0.0.1:4600");
  });

  it("are what the file says, in bytes and milliseconds", () => {
    const text = `[serve]
listen = "[::1]:0"
default_store = "prices"
hosts = ["Analytics.Example.com", "10.0.0.7:8443"]
cache = "0MB"
drain_timeout = "0s"
limits = { concurrency = 2, queue = 0, queue_wait = "250ms", rows = 10, time = "1m", bytes = "1MiB", body = "0B", url = "4KiB", event_streams = 0 }
alarms = { behind = "5s", failing = 1, draining = "1h" }
unavailable = "503"
log = "silent"
${stores}`;
    expect(settings(text)).toEqual({
      listen: { host: "::1", port: 0 },
      defaultStore: "prices",
      hosts: ["analytics.example.com", "10.0.0.7:8443"],
      cacheBytes: 0,
      drainTimeoutMs: 0,
      limits: {
        concurrency: 2,
        queue: 0,
        queueWaitMs: 250,
        rows: 10,
        timeMs: 60_000,
        bytes: 1_048_576,
        bodyBytes: 0,
        urlBytes: 4_096,
        eventStreams: 0,
      },
      unavailable: "503",
      alarms: { behindMs: 5_000, failing: 1, drainingMs: 3_600_000 },
      log: "silent",
    });
  });

  it("name the only store where none is named, and none of several", () => {
    expect(settings(`[stores.holdings]\nkind = "release"\ndir = "a"`).defaultStore).toBe("holdings");
    expect(settings(stores).defaultStore).toBeUndefined();
  });

  it("cannot be changed", () => {
    const frozen = settings(stores);
    for (const part of [frozen, frozen.listen, frozen.hosts, frozen.limits, frozen.alarms])
      expect(Object.isFrozen(part)).toBe(true);
  });
});

describe("a fault is told by its key", () => {
  it.each([
    [`[serve]\nlistne = "x"`, "serve.listne", 'did you mean "listen"?'],
    [`[serve]\nlisten = 4600`, "serve.listen", "must be a host and a port"],
    [`[serve]\nlisten = "127.0.0.1"`, "serve.listen", "must be a host and a port"],
    [`[serve]\ndefault_store = "A"`, "serve.default_store", "must be a store's id"],
    [`[serve]\nhosts = ["*"]`, "serve.hosts[0]", "must be a host, or a host and a port"],
    [`[serve]\nhosts = "example.com"`, "serve.hosts", "must be an array"],
    [`[serve]\ncache = 64`, "serve.cache", 'must be a size such as "64KB", "64MB", "1GiB", from 0B to 1000GB'],
    [`[serve]\ncache = "64"`, "serve.cache", "must be a size"],
    [`[serve]\ndrain_timeout = 30`, "serve.drain_timeout", "must be a duration"],
    [`[serve]\nunavailable = "none"`, "serve.unavailable", 'must be "503" or "empty"'],
    [`[serve]\nlog = "verbose"`, "serve.log", 'must be "trace" or "debug"'],
    [`[serve.limits]\nconcurency = 8`, "serve.limits.concurency", 'did you mean "concurrency"?'],
    [`[serve.limits]\nconcurrency = 0`, "serve.limits.concurrency", "must be at least 1"],
    [`[serve.limits]\nurl = "1MB"`, "serve.limits.url", "from 256B to 64kB"],
    [`[serve.limits]\nbytes = "64"`, "serve.limits.bytes", "must be a size"],
    [`[serve.alarms]\nbehnd = "1m"`, "serve.alarms.behnd", 'did you mean "behind"?'],
    [`[serve.alarms]\nfailing = 0`, "serve.alarms.failing", "must be at least 1"],
    [`serve = 3`, "serve", "must be a table"],
    [`[[tokens]]\nname = "x"\nsha256 = "env:A"\nlevel = "write"`, "tokens[0].level", 'must be "read" or "publish" or "admin"'],
    [`[[tokens]]\nname = "x"\nsha256 = "env:A"`, "tokens[0].level", 'is missing; it must be "read" or "publish" or "admin"'],
    [token(""), "tokens[0].sha256", "is missing; it must be the SHA-256 of a token"],
    [token(`sha256 = "env:A"`, "X"), "tokens[0].name", "must be lower-case letters"],
    [token(`sha256 = "env:A"\nlevle = 1`), "tokens[0].levle", 'did you mean "level"?'],
    [token(`sha256 = "env:A"\nclaims = { user_id = 7 }`), "tokens[0].claims.user_id", "must be a string"],
    [token(`sha256 = "env:A"\nclaims = { "" = "7" }`), 'tokens[0].claims.""', "is no name of a claim"],
    [
      token(`sha256 = "env:A"\nclaims = { ${Array.from({ length: 51 }, (_, index) => `c${index} = "1"`).join(", ")} }`),
      "tokens[0].claims",
      "must hold at most 50 claims",
    ],
    [token(`sha256 = "env:A"\nstores = []`), "tokens[0].stores", "must not be empty"],
    [`[stores.a]\nkind = "release"\ndir = "a"\nqueries = "queries"`, "stores.a.queries", 'a folder and "*.sql"'],
    [`[stores.a]\nkind = "release"\ndir = "a"\nqueries = "**/*.sql"`, "stores.a.queries", 'a folder and "*.sql"'],
    [`[stores.a]\nkind = "release"\ndir = "a"\nqueries = "queries/top*.sql"`, "stores.a.queries", 'a folder and "*.sql"'],
    [`[stores.a]\nkind = "release"\ndir = "a"\nqueries = "queries/{a,b}.sql"`, "stores.a.queries", 'a folder and "*.sql"'],
  ])("%j", (text, subject, rule) => {
    expect(findings(text)).toContainEqual([subject, expect.stringContaining(rule)]);
  });

  it.each(["queries/*.sql", "*.sql", "/etc/queries/*.sql", "queries/top.sql", "../q/*.sql"])("queries may be %s", (queries) => {
    expect(parsed(`[stores.a]\nkind = "release"\ndir = "a"\nqueries = "${queries}"`).findings).toEqual([]);
  });

  it.each([
    ['sha256 = "sesame-open"', "tokens[0].sha256"],
    [`sha256 = "${hash("t").slice(1)}"`, "tokens[0].sha256"],
    [`sha256 = "${hash("")}"`, "tokens[0].sha256"],
    [`sha256 = "${hash("\n")}"`, "tokens[0].sha256"],
    ['sha256 = { sesame-open = "sesame-open" }', "tokens[0].sha256"],
  ])("what stands where a hash should is never shown: %j", (fault, subject) => {
    const found = findings(token(fault));
    expect(found).toEqual([[subject, expect.stringContaining("the token itself never stands in this file")]]);
    expect(JSON.stringify(found)).not.toMatch(/sesame|[0-9a-f]{60}/);
  });

  it("nor is what stands where a token's table should", () => {
    const found = [...findings(`tokens = "sesame-open"`), ...findings(`tokens = ["sesame-open"]`)];
    expect(found).toEqual([
      ["tokens", "tokens cannot be used; it must be an array"],
      ["tokens[0]", "tokens[0] cannot be used; it must be a table"],
    ]);
  });
});

describe("parts that do not fit together", () => {
  it("stores that are not in the file", () => {
    const text = `[serve]\ndefault_store = "holding"\n${token(`sha256 = "env:A"\nstores = ["prices", "constructor"]`)}${stores}`;
    expect(findings(text)).toEqual([
      ["serve.default_store", expect.stringContaining('is no store of the file; did you mean "holdings"?')],
      ["tokens[0].stores[1]", expect.stringContaining("; the file has holdings, prices")],
    ]);
    expect(findings(`[serve]\ndefault_store = "a"`)).toEqual([
      ["serve.default_store", expect.stringContaining("the file has none")],
    ]);
  });

  it("two tokens of one name, or of one hash, which is not shown", () => {
    const digits = hash("t");
    const text = [
      token(`sha256 = "${digits}"`, "a"),
      token(`sha256 = "${digits.toUpperCase()}"`, "b"),
      token(`sha256 = "env:A"`, "a"),
      token(`sha256 = "env:A"`, "c"),
    ];
    const found = findings(text.join(""));
    expect(found).toEqual([
      ["tokens[1].sha256", expect.stringContaining("is that of tokens[0]")],
      ["tokens[2].name", expect.stringContaining('is "a", the name of tokens[0]')],
      ["tokens[3].sha256", expect.stringContaining("is that of tokens[2]")],
    ]);
    expect(JSON.stringify(found).toLowerCase()).not.toContain(digits);
  });
});
