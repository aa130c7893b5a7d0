import { diffResultSchema, type DiffResult } from "../../model/diff.ts";
import { diffQuery, noQuery, releasePath, storePath } from "../../model/http.ts";
import { releaseResultSchema, releasesResultSchema } from "../../model/results.ts";
import type { ServerContext } from "../context.ts";
import { tablesOf, type Datasets } from "../datasets/datasets.ts";
import { seesAll } from "../datasets/guard.ts";
import { jsonReply } from "../reply.ts";
import { clientOf } from "../answer.ts";
import { route, type Route } from "../route.ts";
import { withinTime } from "../time-limit.ts";

/** What is kept, one release's record, and what differs between two. */
export function releaseRoutes(context: ServerContext): Route[] {
  return [listRoute(context), showRoute(context), diffRoute(context)];
}

function listRoute({ stores, workspace }: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/releases",
      id: "listReleases",
      summary: "Every release of a store, newest first, then what is in quarantine",
      level: "read",
      pathSchema: storePath,
      querySchema: noQuery,
      answers: { 200: { description: "The releases.", content: { "application/json": releasesResultSchema } } },
      errors: ["STORE_UNKNOWN"],
    },
    async ({ path }) => {
      stores.assertKnown(path.store);
      return jsonReply(await workspace.releases(path.store));
    },
  );
}

function showRoute({ stores, workspace, datasets }: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/releases/{release}",
      id: "showRelease",
      summary: "The record of a release and what became of it",
      description:
        "Without the command and the files of its build, which may name what callers have no business with. Where a dataset keeps rows apart, only a token of level admin is told what the checks saw.",
      level: "read",
      pathSchema: releasePath,
      querySchema: noQuery,
      answers: { 200: { description: "The record.", content: { "application/json": shownReleaseSchema } } },
      errors: ["STORE_UNKNOWN", "RELEASE_UNKNOWN"],
    },
    async ({ request, path }) => {
      stores.assertKnown(path.store);
      const { builder, ...record } = await workspace.release(path.store, path.release);
      // What a check saw may be a value of anybody's row.
      const isShown = seesAll(request) || (await datasets.scopes(path.store, [path.release])).length === 0;
      const checks = isShown ? record.checks : [];
      return jsonReply({
        ...record,
        checks,
        builder: { kind: builder.kind, exit: builder.exit, durationMs: builder.durationMs },
      });
    },
  );
}

const shownReleaseSchema = releaseResultSchema.extend({
  builder: releaseResultSchema.shape.builder.pick({ kind: true, exit: true, durationMs: true }),
});

/** What differs in tables that everybody may read. */
async function openPart(datasets: Datasets, diff: DiffResult): Promise<DiffResult> {
  const scopes = await datasets.scopes(diff.store, [diff.from.release, diff.to.release]);
  if (scopes.length === 0) return diff;
  const closed = new Set(scopes.flatMap((scope) => tablesOf(diff.tables, scope)));
  return { ...diff, tables: diff.tables.filter((table) => !closed.has(table) && !table.kind.includes("view")) };
}

function diffRoute({ stores, workspace, datasets, gate, clock, limits }: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/v1/stores/{store}/diff",
      id: "diffReleases",
      summary: "What differs between two releases, table by table",
      description:
        "Reads tables of equal columns and row counts whole: it may take all the time that a query may. Tables whose rows a dataset keeps apart, and views beside them, are told to tokens of level admin alone.",
      level: "read",
      pathSchema: storePath,
      querySchema: diffQuery,
      answers: { 200: { description: "The tables.", content: { "application/json": diffResultSchema } } },
      errors: ["STORE_UNKNOWN", "RELEASE_UNKNOWN", "OVERLOADED", "TOO_MANY_REQUESTS"],
    },
    async ({ request, path, query }) => {
      stores.assertKnown(path.store);
      const { signal } = request.req.raw;
      const leave = await gate.enter(clientOf(request), signal);
      try {
        const diff = await withinTime({ clock, maxMs: limits.timeMs, signal }, (bounded) =>
          workspace.diff(path.store, { ...query, signal: bounded }),
        );
        return jsonReply(seesAll(request) ? diff : await openPart(datasets, diff));
      } finally {
        leave();
      }
    },
  );
}
