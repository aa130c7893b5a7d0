import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { createClient } from "../../src/client.ts";
import { publish } from "../../src/release/publish.ts";
import { binPath, startProgram } from "../support/child.ts";
import { storeIn, writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const publicName = "analytics.example.com";

/** A program that docs/serve.md has a snippet for: how it is run with that snippet, here, without TLS. */
interface Proxy {
  readonly name: string;
  /** What it answers to a body that is larger than the snippet allows. */
  readonly tooLarge: readonly number[];
  readonly start: (
    snippet: string,
    ports: { readonly server: number; readonly proxy: number },
    folder: string,
  ) => readonly string[];
}

const proxies: readonly Proxy[] = [
  {
    name: "nginx",
    tooLarge: [413],
    start(snippet, ports, folder) {
      const site = replaced(snippet, [
        ["127.0.0.1:4600", `127.0.0.1:${ports.server}`],
        ["listen 443 ssl;", `listen 127.0.0.1:${ports.proxy};`],
      ]);
      const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
      const http = `http {\naccess_log off;\n${places.join("\n")}\n${site}}\n`;
      // As root its workers would be another user, who may not read the folder.
      const user = process.getuid?.() === 0 ? "user root;\n" : "";
      writeFileSync(join(folder, "nginx.conf"), `${user}daemon off;\npid ${folder}/pid;\nevents {}\n${http}`);
      return ["nginx", "-p", folder, "-e", "stderr", "-c", "nginx.conf"];
    },
  },
  {
    name: "caddy",
    // 2.6, which Debian has, tells it as a fault of the server behind.
    tooLarge: [413, 502],
    start(snippet, ports, folder) {
      const site = replaced(snippet, [
        ["127.0.0.1:4600", `127.0.0.1:${ports.server}`],
        [`${publicName} {`, `http://${publicName}:${ports.proxy} {\n  bind 127.0.0.1`],
      ]);
      writeFileSync(join(folder, "Caddyfile"), `{\n  admin off\n  auto_https off\n}\n${site}`);
      return ["caddy", "run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")];
    },
  },
];

/** The snippet with what differs here, each of which it must have once. */
function replaced(snippet: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((text, [from, to]) => {
    expect(text.split(from)).toHaveLength(2);
    return text.replace(from, to);
  }, snippet);
}

function snippetOf(name: string): string {
  const page = readFileSync(fileURLToPath(new URL("../../docs/serve.md", import.meta.url)), "utf8");
  const [, snippet] = new RegExp(String.raw`\n\x60{3}${name}\n([\s\S]*?)\x60{3}`).exec(page) ?? [];
  expect(snippet).toBeDefined();
  return snippet ?? "";
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, program === "caddy" ? ["version"] : ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    try {
      await once(socket, "connect");
      return;
    } catch {
      await wait(20);
    } finally {
      socket.destroy();
    }
  }
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function behind(proxy: Proxy) {
  const folder = temporaryFolder();
  const config = `format = 1\n[serve]\nhosts = ["${publicName}"]\n[stores.holdings]\nkind = "release"\ndir = "data"\n`;
  writeFileSync(join(folder, "lockkeeper.toml"), config);
  const store = storeIn(join(folder, "data"), { layout: "releases", basename: "holdings" });
  const publishRows = (rows: number) => {
    const table = `CREATE TABLE t AS SELECT range AS n, 'row ' || range AS name FROM range(${rows})`;
    return publish(store, { kind: "function", build: ({ path }) => writeDatabase(path, table) });
  };
  await publishRows(50_000);
  const server = startProgram([process.execPath, binPath, "serve", "--listen", "127.0.0.1:0", "--json"], { cwd: folder });
  const { url } = JSON.parse(await server.line('{"schema":"lockkeeper/serve@1"')) as { readonly url: string };
  const ports = { server: Number(new URL(url).port), proxy: await freePort() };
  const home = join(folder, "proxy");
  mkdirSync(home);
  const words = proxy.start(snippetOf(proxy.name), ports, home);
  const running = startProgram(words, { cwd: home, env: { HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home } });
  await Promise.race([untilListening(ports.proxy), running.ended.then(() => Promise.reject(new Error(running.stderr())))]);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const ask = async (port: number, path: string, options: { method?: string; headers?: object; body?: string } = {}) => {
    const { method = "GET", headers = {}, body } = options;
    const asked = request({ host: "127.0.0.1", port, path, agent, method, headers: { Host: publicName, ...headers } });
    asked.end(body);
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    const answer: Answer = { status: response.statusCode, headers: response.headers, body: await buffer(response) };
    return answer;
  };
  return { ports, ask, publishRows, server };
}

const rows = "/v1/stores/holdings/tables/t/rows";

describe.each(proxies)("behind $name, as docs/serve.md has it", (proxy) => {
  test.skipIf(!isInstalled(proxy.name))(
    "answers are what they are without it, 304 too; many requests on few connections; a body that is too large is refused",
    async () => {
      const { ports, ask } = await behind(proxy);
      for (const path of [`${rows}?limit=100`, `${rows}?format=ndjson`, `${rows}?format=parquet`]) {
        const [direct, proxied] = [await ask(ports.server, path), await ask(ports.proxy, path)];
        expect([proxied.status, proxied.headers.etag, proxied.headers["data-version"]]).toEqual([200, direct.headers.etag, "1"]);
        expect(proxied.body.equals(direct.body)).toBe(true);
        const same = await ask(ports.proxy, path, { headers: { "If-None-Match": proxied.headers.etag } });
        expect([same.status, same.body.byteLength]).toEqual([304, 0]);
      }
      const many = await Promise.all(Array.from({ length: 400 }, (_, n) => ask(ports.proxy, `${rows}?limit=${1 + (n % 7)}`)));
      expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
      const headers = { "Content-Type": "application/json" };
      const large = await ask(ports.proxy, "/v1/stores/holdings/rollback", { method: "POST", headers, body: "x".repeat(70_000) });
      expect(proxy.tooLarge).toContain(large.status);
      expect((await ask(ports.proxy, "/v1/stores/nothing")).headers["content-type"]).toBe("application/problem+json");
    },
  );

  test.skipIf(!isInstalled(proxy.name))("events come through as they happen", async () => {
    const { ports, publishRows } = await behind(proxy);
    const viaProxy: typeof fetch = async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const headers = { ...Object.fromEntries(new Headers(init?.headers)), Host: publicName };
      const asked = request({ host: "127.0.0.1", port: ports.proxy, path: url.pathname + url.search, headers, agent: false });
      init?.signal?.addEventListener("abort", () => asked.destroy(), { once: true });
      asked.on("error", () => undefined);
      asked.end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      return new Response(Readable.toWeb(response) as ReadableStream, { status: response.statusCode ?? 0 });
    };
    const client = createClient({ url: "http://127.0.0.1", fetch: viaProxy });
    const seen: unknown[] = [];
    for await (const event of client.store("holdings").follow({ after: 0 })) {
      seen.push("release" in event ? event.release : event.type);
      if (seen.length === 3) break;
      // The next one is told while the stream stays open.
      await publishRows(seen.length);
    }
    expect(seen).toEqual(["r000001", "r000002", "r000003"]);
  });

  test.runIf(!isInstalled(proxy.name))("is not tried: the program is not installed", () => {
    process.stdout.write(`skipped: ${proxy.name} is not installed\n`);
  });
});
