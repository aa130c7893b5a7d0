import { z } from "zod";
import { noQuery } from "../../model/http.ts";
import { jsonReply } from "../reply.ts";
import { openApiDocument } from "../openapi.ts";
import { route, type Route } from "../route.ts";

/** The document that describes `routes` and itself. */
export function openApiRoute(routes: readonly Route[], version: string): Route {
  let document: object | undefined;
  const own: Route = route(
    {
      method: "get",
      path: "/openapi.json",
      id: "openApi",
      summary: "This document",
      level: "read",
      querySchema: noQuery,
      answers: { 200: { description: "OpenAPI 3.1.", content: { "application/json": anyObject } } },
      errors: [],
    },
    () => Promise.resolve(jsonReply((document ??= openApiDocument([...routes, own], { version })))),
  );
  return own;
}

const anyObject = z.record(z.string(), z.unknown());
