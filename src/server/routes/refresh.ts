import { jobAnswer, jobPath, type Job } from "../../model/analytics.ts";
import { isLockkeeperError } from "../../errors/lockkeeper-error.ts";
import { noQuery } from "../../model/http.ts";
import type { ServerContext } from "../context.ts";
import { defaultStoreOf } from "../default-store.ts";
import { problemReply, publicError } from "../problem.ts";
import { jsonReply } from "../reply.ts";
import { route, type RequestContext, type Route } from "../route.ts";

/** Building the default store anew, over HTTP. */
export function refreshRoutes(context: ServerContext): Route[] {
  return [startRoute(context), showRoute(context), cancelRoute(context)];
}

function startRoute(context: ServerContext): Route {
  return route(
    {
      method: "post",
      path: "/api/analytics/refresh",
      id: "startRefresh",
      summary: "Publish the default store's configured build, as a job",
      description: "One at a time: while one runs, 409 with its address in Location.",
      level: "publish",
      querySchema: noQuery,
      answers: { 202: { description: "The job, with its address in Location.", content: { "application/json": jobAnswer } } },
      errors: ["STORE_UNKNOWN", "BUILD_MISSING", "JOB_RUNNING", "UNAVAILABLE"],
    },
    async ({ request }) => {
      const store = defaultStoreOf(context, request);
      try {
        const job = context.jobs.start(store);
        return jsonReply(job, { status: 202, headers: { Location: addressOf(request, job) } });
      } catch (error) {
        const running = context.jobs.running(store);
        if (!isLockkeeperError(error, "JOB_RUNNING") || !running) throw error;
        const reply = problemReply(error);
        return { ...reply, headers: { ...reply.headers, Location: addressOf(request, running) } };
      }
    },
  );
}

function showRoute(context: ServerContext): Route {
  return route(
    {
      method: "get",
      path: "/api/analytics/refresh/{job}",
      id: "showRefresh",
      summary: "How a refresh is getting on",
      level: "publish",
      pathSchema: jobPath,
      querySchema: noQuery,
      answers: { 200: { description: "The job.", content: { "application/json": jobAnswer } } },
      errors: ["STORE_UNKNOWN", "JOB_UNKNOWN"],
    },
    async ({ request, path }) => jsonReply(jobOf(context, request, path.job)),
  );
}

function cancelRoute(context: ServerContext): Route {
  return route(
    {
      method: "post",
      path: "/api/analytics/refresh/{job}/cancel",
      id: "cancelRefresh",
      summary: "Stop a refresh, so that nothing is switched",
      description: "Answers when it has ended. One that is over stays as it is.",
      level: "publish",
      pathSchema: jobPath,
      querySchema: noQuery,
      answers: { 200: { description: "The job.", content: { "application/json": jobAnswer } } },
      errors: ["STORE_UNKNOWN", "JOB_UNKNOWN"],
    },
    async ({ request, path }) => {
      const { job } = jobOf(context, request, path.job);
      return jsonReply(await context.jobs.cancel(job));
    },
  );
}

function jobOf(context: ServerContext, request: RequestContext, id: string): Job {
  const store = defaultStoreOf(context, request);
  const job = context.jobs.get(id);
  if (job.store === store) return job;
  throw publicError("JOB_UNKNOWN", `this server has no job ${JSON.stringify(id)}`);
}

/** Beside the address that was asked for, wherever the routes are mounted. */
function addressOf(request: RequestContext, { job }: Job): string {
  return `${new URL(request.req.url).pathname.replace(/\/+$/, "")}/${job}`;
}
