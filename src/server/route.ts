import type { Context } from "hono";
import type { z } from "zod";
import { didYouMean } from "../model/nearest.ts";
import type { ErrorCode } from "../errors/codes.ts";
import type { TokenLevel } from "../model/access-token.ts";
import type { Principal } from "./auth.ts";
import { Memo } from "./memo.ts";
import { publicError } from "./problem.ts";
import type { Reply } from "./reply.ts";

/** What a request carries from one step to the next. */
export interface RequestVariables {
  readonly principal: Principal;
  readonly requestId: string;
  /** Where the request came from: an address, or nothing that tells. */
  readonly remote: string;
  /** Values of scope columns, where the app that has mounted the routes says whose request it is. */
  readonly scope?: Readonly<Record<string, unknown>> | undefined;
}

/** A request on its way. */
export type RequestContext = Context<{ Variables: RequestVariables }>;

/** One kind of answer. */
export interface AnswerDefinition {
  readonly description: string;
  /** Its schema by media type; none for an answer without a body. */
  readonly content?: Readonly<Record<string, z.ZodType | "text" | "binary">>;
  /** Whether it comes from a release: with its ETag, version and id in headers, and 304 for what the caller has. */
  readonly data?: boolean;
}

/** A route: what is matched, checked and documented. */
export interface RouteDefinition<Path extends z.ZodType, Query extends z.ZodType> {
  readonly method: "get" | "post";
  /** As OpenAPI writes it: `/v1/stores/{store}`. */
  readonly path: string;
  /** Names the operation in generated clients. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** What a token must allow at least; `open` needs none. */
  readonly level: "open" | TokenLevel;
  readonly pathSchema?: Path;
  readonly querySchema: Query;
  /** Parameters whose names only the data knows: their pattern, and how they are documented. */
  readonly freeParameters?: { readonly pattern: RegExp; readonly name: string; readonly description: string };
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, AnswerDefinition>>;
  /** What may go wrong besides what may go wrong everywhere. */
  readonly errors: readonly ErrorCode[];
}

/** What a handler is given. */
export interface RouteInput<Path, Query> {
  readonly request: RequestContext;
  readonly path: Path;
  readonly query: Query;
  /** Values by name of the free parameters, in the order of the address. */
  readonly free: ReadonlyMap<string, readonly string[]>;
}

/** A route, ready to be mounted. */
export interface Route {
  readonly definition: RouteDefinition<z.ZodType, z.ZodType>;
  handle(request: RequestContext): Promise<Reply>;
}

/** Addresses of a route that are remembered as read, and the longest of them: pages are asked for again and again. */
const readMax = 256;
const readCharactersMax = 1_024;

/** Ties a definition to what answers it: the handler gets only what the definition's schemas have passed. */
export function route<Path extends z.ZodType, Query extends z.ZodType>(
  definition: RouteDefinition<Path, Query>,
  handle: (input: RouteInput<z.infer<Path>, z.infer<Query>>) => Promise<Reply>,
): Route {
  const read = (request: RequestContext): Omit<RouteInput<z.infer<Path>, z.infer<Query>>, "request"> => {
    const { known, free } = split(new URL(request.req.url).searchParams, definition.freeParameters?.pattern);
    const path = parsed(definition.pathSchema, request.req.param(), "path");
    const query = parsed(definition.querySchema, known, "parameter");
    return { path, query, free };
  };
  const lately = new Memo<ReturnType<typeof read>>(readMax);
  return {
    definition,
    handle: async (request) => {
      const { url } = request.req;
      const input = url.length > readCharactersMax ? read(request) : lately.get(url, () => read(request));
      return handle({ request, ...input });
    },
  };
}

function split(parameters: URLSearchParams, pattern: RegExp | undefined) {
  const known: Record<string, string> = {};
  const free = new Map<string, string[]>();
  for (const [name, value] of parameters) {
    if (pattern?.test(name)) {
      free.set(name, [...(free.get(name) ?? []), value]);
    } else if (Object.hasOwn(known, name)) {
      throw publicError("REQUEST_INVALID", `the parameter ${shownName(name)} is given twice`, { hint: "Give it once." });
    } else {
      Object.defineProperty(known, name, { value, enumerable: true, configurable: true, writable: true });
    }
  }
  return { known, free };
}

/** A value that a schema has passed. Throws `REQUEST_INVALID` that names the part and what is wrong with it. */
export function parsed<Schema extends z.ZodType>(schema: Schema | undefined, value: unknown, part: string): z.infer<Schema> {
  if (schema === undefined) return {} as z.infer<Schema>;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const names = "shape" in schema ? Object.keys(schema.shape as object) : [];
  if (issue?.code === "unrecognized_keys") {
    const [name = ""] = issue.keys;
    throw publicError("REQUEST_INVALID", `there is no ${part} ${shownName(name)} here${didYouMean(name, names)}`, {
      hint: names.length > 0 ? `Known are ${names.join(", ")}.` : `This address takes no ${part}.`,
    });
  }
  const name = issue?.path.map(String).join(".") ?? "";
  const what = issue?.code === "invalid_type" && issue.input === undefined ? "is missing" : (issue?.message ?? "is malformed");
  throw publicError("REQUEST_INVALID", `${part}${name === "" ? "" : ` ${shownName(name)}`}: ${what}`);
}

/** A name as it was sent, cut to a length that can be printed. */
export function shownName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 79)}…` : name);
}
