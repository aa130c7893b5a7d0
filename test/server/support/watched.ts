import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { openWorkspace, type Workspace } from "../../../src/index.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import type { Clock } from "../../../src/platform/port.ts";
import type { AlarmEvent } from "../../../src/server/alarms/alarm.ts";
import { createServer, type Server, type ServerOptions } from "../../../src/server/server.ts";
import { writeDatabase } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** A clock whose hands a test moves on; what is done "every so often" is done when the test says so. The machine's own is never touched. */
export class MovedClock implements Clock {
  readonly #clock = nodePlatform().clock;
  readonly #repeated = new Set<() => void>();
  #aheadMs = 0;

  now(): Date {
    return new Date(this.#clock.now().getTime() + this.#aheadMs);
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs() + this.#aheadMs;
  }

  uptimeMs(): number {
    return this.#clock.uptimeMs() + this.#aheadMs;
  }

  wait(ms: number, options?: { readonly signal?: AbortSignal; readonly idle?: boolean }): Promise<void> {
    return this.#clock.wait(ms, options);
  }

  every(_ms: number, action: () => void): () => void {
    this.#repeated.add(action);
    return () => this.#repeated.delete(action);
  }

  move(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Does what is done every so often. */
  tick(): void {
    for (const action of this.#repeated) action();
  }

  /** How many things are done every so often. */
  get repeated(): number {
    return this.#repeated.size;
  }
}

/** What a server logged. */
export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A server on real stores, with a clock that the test moves. */
export interface WatchedServer {
  readonly folder: string;
  readonly workspace: Workspace;
  readonly server: Server;
  readonly clock: MovedClock;
  readonly log: readonly LogLine[];
  readonly told: readonly (AlarmEvent & { readonly store: string })[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Lets the watch look once, and waits for what it began. */
  look(): Promise<void>;
  /** Lets it look twice, which raises and clears. */
  lookTwice(): Promise<void>;
  /** The alarms that are raised, as `name level`. */
  raised(store?: string): string[];
}

/** Writes `lockkeeper.toml` with `config` after its first line, and serves it. */
export async function serveWatched(config: string, options: Partial<ServerOptions> = {}): Promise<WatchedServer> {
  const folder = temporaryFolder();
  const path = join(folder, "lockkeeper.toml");
  writeFileSync(path, `format = 1\n${config}`);
  const workspace = await openWorkspace({ config: path });
  const clock = new MovedClock();
  const log: LogLine[] = [];
  const told: (AlarmEvent & { readonly store: string })[] = [];
  const taker = (level: LogLine["level"]) => (fields: object, message: string) =>
    void log.push({ level, message, fields: fields as Record<string, unknown> });
  const server = createServer(workspace, {
    platform: { ...nodePlatform(), clock },
    log: { info: taker("info"), warn: taker("warn"), error: taker("error") },
    standalone: true,
    ...options,
  });
  vi.spyOn(server.context.events, "tell").mockImplementation((store, event) => {
    told.push({ ...(event as unknown as AlarmEvent), store });
  });
  onTestFinished(async () => {
    await server.close();
    await workspace.close();
  });
  const { alarms, stores } = server.context;
  const look = async () => {
    clock.tick();
    await stores.warm();
    await alarms.settled();
  };
  return {
    folder,
    workspace,
    server,
    clock,
    log,
    told,
    get: async (address, headers = {}) =>
      server.app.request(`http://127.0.0.1:4600${address}`, { headers: { Host: "127.0.0.1:4600", ...headers } }),
    look,
    lookTwice: async () => {
      await look();
      await look();
    },
    raised: (store = "holdings") => alarms.raised(store).map(({ alarm, level }) => `${alarm} ${level}`),
  };
}

/** `[stores.ID]` of a store of release folders in a folder of its name. */
export function storeConfig(id: string, more = ""): string {
  return `[stores.${id}]\nkind = "release"\ndir = "${id}"\nlayout = "releases"\n${more}\n`;
}

/** A build of a table `t` with so many rows and one time `at`, RFC 3339 or an expression's text. */
export function timedBuild(rows: number, at = "2026-01-01T00:00:00Z") {
  return ({ path }: { readonly path: string }) =>
    writeDatabase(path, `CREATE TABLE t AS SELECT range AS n, TIMESTAMPTZ '${at}' AT TIME ZONE 'UTC' AS at FROM range(${rows})`);
}

/** Resolves with the event's next occurrence on the store's reader. */
export async function nextEvent(
  { server }: Pick<WatchedServer, "server">,
  store: string,
  name: "switch" | "degraded" | "recovered",
): Promise<void> {
  const reader = await server.context.stores.reader(store);
  await new Promise<void>((resolve) => {
    const stop = reader.on(name, () => {
      stop();
      resolve();
    });
  });
}

/** The JSON body of an answer of this status. */
export async function bodyOf<T>(response: Response, status: number): Promise<T> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, text]);
  return JSON.parse(text) as T;
}
