import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createServer, type Server, type ServerOptions } from "../../../src/server/server.ts";
import type { Workspace } from "../../../src/workspace/api.ts";
import { openWorkspace } from "../../../src/workspace/workspace.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder, type WhenDone } from "../../support/temporary.ts";

/** One line of a server's log. */
export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A workspace with a server over it, closed at the end of the test. */
export interface TestServer {
  readonly folder: string;
  readonly workspace: Workspace;
  readonly server: Server;
  readonly log: readonly LogLine[];
  /** Publishes a database that the statements made. */
  publish(store: string, ...statements: string[]): Promise<void>;
  /** One request, in this process, from this machine. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** The same, its body read as JSON. */
  json(
    path: string,
    init?: RequestInit,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }>;
}

/** The configuration of one store `holdings`, layout `releases`. */
export const oneStore = `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data/holdings"\n`;

interface TestServerOptions extends Partial<ServerOptions> {
  /** Written beside the configuration. */
  readonly files?: Readonly<Record<string, string>>;
  /** When it closes. Default: when the running test has finished. */
  readonly whenDone?: WhenDone;
}

/** A server over the configuration. */
export async function testServer(
  config: string = oneStore,
  { files = {}, whenDone = onTestFinished, ...options }: TestServerOptions = {},
): Promise<TestServer> {
  const folder = temporaryFolder(whenDone);
  for (const [name, text] of Object.entries({ ...files, "lockkeeper.toml": config })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  const log: LogLine[] = [];
  const line = (level: LogLine["level"]) => (fields: object, message: string) => {
    log.push({ level, fields: fields as LogLine["fields"], message });
  };
  const server = createServer(workspace, {
    log: { info: line("info"), warn: line("warn"), error: line("error") },
    standalone: true,
    ...options,
  });
  whenDone(async () => {
    await server.close();
    await workspace.close();
  });
  const ask: TestServer["ask"] = async (path, init = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("Host")) headers.set("Host", "127.0.0.1:4600");
    return server.app.request(`http://127.0.0.1:4600${path}`, { ...init, headers });
  };
  return {
    folder,
    workspace,
    server,
    log,
    ask,
    publish: async (store, ...statements) => {
      await workspace.publish(store, ({ path }) => writeDatabase(path, ...statements));
    },
    json: async (path, init) => {
      const response = await ask(path, init);
      return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
    },
  };
}

/** One server for all tests of a file that only read the release of these statements in `holdings`. Call it at the top of the file. */
export function sharedServer(
  statements: readonly string[],
  config: string = oneStore,
  options: Omit<TestServerOptions, "whenDone"> = {},
): () => TestServer {
  const closing: Parameters<WhenDone>[0][] = [];
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await testServer(config, { ...options, whenDone: (action) => closing.push(action) });
    await server.publish("holdings", ...statements);
  });
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });
  return () => {
    if (!server) throw new Error("a shared server is there once the tests run");
    return server;
  };
}
