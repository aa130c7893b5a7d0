import { releaseOf } from "../../model/manifest.ts";
import type { QueryParameters } from "../../model/query.ts";
import { answer } from "../answer.ts";
import { EventHub } from "../events.ts";
import type { Generation } from "../generation.ts";
import { storeView } from "../locate.ts";
import { openActive, type OpeningContext } from "../opening.ts";
import { readerSettings, type ReaderOptions, type ReaderSettings } from "../options.ts";
import { GenerationPool } from "../pool.ts";
import { assertLocal, type BorrowedQueryOptions, type ReaderPorts, type ReaderRows } from "../reader.ts";
import { ManifestResolver, type Sighting } from "../resolver.ts";
import { openKept } from "./opening.ts";

/** A store whose releases are opened one by one, by name. */
export interface Visit {
  readonly settings: ReaderSettings;
  /** The manifest of this moment. */
  look(): Sighting;
  /** The active release under its name, a kept one, or a build in quarantine, open until the visit ends. Throws what `openKept` and `openActive` throw. */
  open(this: void, id: string): Promise<Generation>;
}

/**
 * Opens releases for one piece of work, without following the store: also where nothing is active, or what is active cannot be opened. Everything is closed when `use` has settled.
 * Throws `USAGE`, `CONFIG_INVALID`, `FILE_SYSTEM_UNSUPPORTED` and what `use` throws.
 */
export async function visitReleases<T>(
  options: ReaderOptions,
  ports: ReaderPorts,
  use: (visit: Visit) => Promise<T>,
): Promise<T> {
  // Statements that warm a release for requests to come are no part of a visit.
  const settings = { ...readerSettings(options, ports.defaultConcurrency), warmup: [] };
  await assertLocal(ports.platform, settings);
  const { platform, engine, openSqlite } = ports;
  const store = storeView(platform, settings.dir, settings.basename);
  const { warn } = new EventHub(ports.warn);
  const pool = new GenerationPool({ clock: platform.clock, drainTimeoutMs: settings.drainTimeoutMs, warn, openSqlite });
  const resolver = new ManifestResolver(platform, store.paths.manifest);
  const closing = new AbortController();
  const context: OpeningContext = { store, resolver, engine, settings, pool, closing: closing.signal, warn };
  try {
    return await use({ settings, look: () => resolver.look(), open: (id) => openNamed(context, id) });
  } finally {
    closing.abort();
    await pool.close();
  }
}

/** One statement on one release. Throws what `Visit.open` and `Reader.query` throw. */
export async function queryRelease(
  options: ReaderOptions,
  ports: ReaderPorts,
  request: QueryRequest,
): Promise<ReaderRows<number | undefined>> {
  const { release, sql, parameters, options: bounds = {} } = request;
  return visitReleases(options, ports, async ({ settings, open }) =>
    answer(await open(release), settings, { sql, parameters, options: bounds }),
  );
}

/** A statement, and the release that it is for. */
export interface QueryRequest {
  /** Id of a release, or of a build in quarantine. */
  readonly release: string;
  readonly sql: string;
  readonly parameters?: QueryParameters | undefined;
  readonly options?: BorrowedQueryOptions | undefined;
}

async function openNamed(context: OpeningContext, id: string): Promise<Generation> {
  const sighting = context.resolver.look();
  if (sighting.kind !== "manifest" || releaseOf(sighting.manifest) !== id) return openKept(context, id);
  const opening = await openActive(context);
  if (opening.kind === "failed") throw opening.error;
  if (opening.kind === "opened" && opening.generation.target.release === id) return opening.generation;
  // Another one became active meanwhile.
  if (opening.kind === "opened") await context.pool.discard(opening.generation);
  return openKept(context, id);
}
