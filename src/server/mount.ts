import { Hono, type Context, type MiddlewareHandler } from "hono";
import { isLockkeeperError } from "../errors/lockkeeper-error.ts";
import type { BorrowedRelease } from "../reader/reader.ts";
import { emitWarning } from "../workspace/wiring.ts";
import type { Workspace } from "../workspace/api.ts";
import { problemReply, asLockkeeperError } from "./problem.ts";
import { responseOf } from "./reply.ts";
import type { RequestVariables } from "./route.ts";
import { createServer, type Server, type ServerLog } from "./server.ts";

/** A workspace has one server here, whoever mounts it: its routes and its middleware share readers. */
const servers = new WeakMap<Workspace, Server>();

/** Routes tell what went wrong here as the library does: a process warning. Requests are the app's own to log. */
const log: ServerLog = {
  info: () => undefined,
  warn: (fields, message) => emitWarning(`${message} ${JSON.stringify(fields)}`),
  error: (fields, message) => emitWarning(`${message} ${JSON.stringify(fields)}`),
};

/**
 * The routes of `lockkeeper serve`, to be mounted in an app of one's own: `app.route("/data", lockkeeperRoutes(workspace))`. Tokens and limits are those of
 * lockkeeper.toml; names that the app answers under are the app's business. They end when the workspace is closed.
 */
export function lockkeeperRoutes(workspace: Workspace, { scope }: RoutesOptions = {}): Hono<{ Variables: RequestVariables }> {
  const { app } = serverOf(workspace);
  if (scope === undefined) return app;
  const scoped = new Hono<{ Variables: RequestVariables }>();
  scoped.use(async (c, next) => {
    c.set("scope", { ...(await scope(c)) });
    await next();
  });
  return scoped.route("/", app);
}

/** Options of `lockkeeperRoutes`. */
export interface RoutesOptions {
  /**
   * Whose request it is: values by the names of scope columns, such as `{ user_id: "7" }`. Where it is there, the claims of tokens count for nothing; a dataset whose column it has no value
   * for answers 403.
   */
  readonly scope?: (c: Context) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

/** What `lendRelease` puts into a request's context. */
export interface LentVariables {
  readonly release: BorrowedRelease;
}

/**
 * Middleware that lends a request one release of a store, until its handler is done: `c.get("release").query(…)`. Two queries of one request never straddle a switch. The answer says
 * where it comes from, in `Data-Release` and `Data-Version`. A store that cannot be read is answered as a problem, 503.
 */
export function lendRelease(workspace: Workspace, store: string): MiddlewareHandler<{ Variables: LentVariables }> {
  const { stores } = serverOf(workspace).context;
  stores.assertKnown(store);
  return async (c, next) => {
    const progress = { lent: false };
    try {
      const reader = await stores.reader(store);
      await reader.borrow(
        async (release) => {
          progress.lent = true;
          c.set("release", release);
          await next();
          c.header("Data-Release", release.release);
          c.header("Data-Version", String(release.version));
        },
        { signal: c.req.raw.signal },
      );
    } catch (error) {
      // What the handler throws is its app's to answer.
      if (progress.lent || !isLockkeeperError(error)) throw error;
      return responseOf(problemReply(asLockkeeperError(error)));
    }
  };
}

function serverOf(workspace: Workspace): Server {
  const known = servers.get(workspace);
  if (known) return known;
  const server = createServer(workspace, { log, standalone: false });
  servers.set(workspace, server);
  return server;
}
