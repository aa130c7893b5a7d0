import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { onTestFinished } from "vitest";
import { createServer, type Server } from "../../../src/server/server.ts";
import type { Workspace } from "../../../src/workspace/api.ts";
import { openWorkspace } from "../../../src/workspace/workspace.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** A server that listens on this machine, over a workspace. */
export interface Listening {
  readonly folder: string;
  readonly workspace: Workspace;
  /** The server of now: `restart()` makes another. */
  readonly server: () => Server;
  readonly port: number;
  readonly url: string;
  /** Publishes a table `t` with the numbers 1 to `rows`. */
  publish(rows: number, store?: string): Promise<void>;
  /** Stops listening, cuts what is open, and listens again with another server on the same port. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
}

/** The configuration of stores of the layout `releases`; `more` goes before them. */
export function storesConfig(stores: readonly string[] = ["holdings"], more = ""): string {
  const each = stores.map((name) => `[stores.${name}]\nkind = "release"\ndir = "data/${name}"\nretention = { keep = 20 }\n`);
  return `format = 1\n${more}${each.join("")}`;
}

/** Listens on 127.0.0.1, on a port that is free; closed when the test has finished. `files` are written beside the configuration. */
export async function listening(
  config: string = storesConfig(),
  files: Readonly<Record<string, string>> = {},
): Promise<Listening> {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "lockkeeper.toml"), config);
  const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
  let running = await listen(workspace, 0);
  onTestFinished(async () => {
    await running.close();
    await workspace.close();
  });
  const { port } = running;
  return {
    folder,
    workspace,
    server: () => running.server,
    port,
    url: `http://127.0.0.1:${port}`,
    publish: async (rows, store = "holdings") => {
      await workspace.publish(store, ({ path }) =>
        writeDatabase(path, `CREATE TABLE t AS SELECT range + 1 AS n, 'row ' || range AS name FROM range(${rows})`),
      );
    },
    restart: async (whileAway = () => Promise.resolve()) => {
      await running.close();
      await whileAway();
      running = await listen(workspace, port);
    },
  };
}

async function listen(workspace: Workspace, port: number) {
  const nothing = () => undefined;
  const server = createServer(workspace, { log: { info: nothing, warn: nothing, error: nothing }, standalone: true });
  const socket = createAdaptorServer({ fetch: (...given) => server.app.fetch(...given), overrideGlobalObjects: false });
  socket.listen(port, "127.0.0.1");
  await once(socket, "listening");
  return {
    server,
    port: (socket.address() as AddressInfo).port,
    close: async () => {
      const closed = once(socket, "close");
      socket.close();
      await server.close();
      if ("closeAllConnections" in socket) socket.closeAllConnections();
      await closed;
    },
  };
}

/** One block of a stream, field by field; a line of comment is under `""`. */
export type Block = Readonly<Record<string, string>>;

/** A stream of events as it comes from the socket, read by nothing of ours. */
export class RawStream {
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly blocks: Block[] = [];
  readonly #changed = new Set<() => void>();
  #rest = "";
  ended = false;

  private constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.#response = response;
    response.on("close", () => this.#change(() => (this.ended = true)));
    response.on("error", () => undefined);
    outgoing.on("error", () => undefined);
  }

  /** Asks; resolves with the headers. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawStream> {
    const outgoing = request(url, { headers, agent: false });
    outgoing.end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    onTestFinished(() => void outgoing.destroy());
    return new RawStream(outgoing, response);
  }

  get status(): number | undefined {
    return this.#response.statusCode;
  }

  get headers(): IncomingMessage["headers"] {
    return this.#response.headers;
  }

  /** Takes what comes, from now on. */
  read(): this {
    this.#response.setEncoding("utf8");
    this.#response.on("data", (text: string) => this.#change(() => this.#take(text)));
    return this;
  }

  /** Blocks with data, once there are so many. */
  async events(count: number): Promise<Block[]> {
    return this.until(() => this.#events.length >= count).then(() => this.#events);
  }

  /** Resolves once `condition` holds; rejects when the stream has ended before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) throw new Error(`the stream ended after ${JSON.stringify(this.blocks)}`);
      await new Promise<void>((resolve) => this.#changed.add(resolve));
    }
  }

  /** Resolves when it has ended. */
  end(): Promise<void> {
    return this.until(() => this.ended);
  }

  /** Goes away, as a client that dies does. */
  destroy(): void {
    this.#request.destroy();
  }

  get #events(): Block[] {
    return this.blocks.filter((block) => "data" in block);
  }

  #take(text: string): void {
    const parts = `${this.#rest}${text}`.split("\n\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      const fields = part.split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
      });
      this.blocks.push(Object.fromEntries(fields) as Block);
    }
  }

  #change(action: () => void): void {
    action();
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}
