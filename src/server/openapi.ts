import { z } from "zod";
import { analyticsSchemas } from "../model/analytics.ts";
import { namedSchemas as storeSchemas } from "../model/http.ts";
import { statusOf } from "./problem.ts";
import type { AnswerDefinition, Route } from "./route.ts";

/** Schemas that have a name in the document. */
const namedSchemas = { ...storeSchemas, ...analyticsSchemas };

type Json = Readonly<Record<string, unknown>>;
type Definition = Route["definition"];

/** What may go wrong at every address. */
const everywhere = ["REQUEST_INVALID", "REQUEST_TOO_LARGE", "HOST_REFUSED", "BUG"] as const;

/** What may go wrong where data is read. */
const reading = [
  "OVERLOADED",
  "TOO_MANY_REQUESTS",
  "UNAVAILABLE",
  "LIMIT_ROWS",
  "LIMIT_BYTES",
  "LIMIT_TIME",
  "QUERY_FAILED",
  "DATABASE_CORRUPT",
] as const;

const dataHeaders: Readonly<Record<string, string>> = {
  "Data-Version": "The version that the answer comes from; absent for a release that never was active.",
  "Data-Release": "The release that the answer comes from.",
  ETag: "Weak: of the release and the request.",
};

/** The OpenAPI 3.1 document of some routes, from the very schemas by which they check requests. */
export function openApiDocument(routes: readonly Route[], info: { readonly version: string }): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const { definition } of routes) {
    paths[definition.path] = { ...paths[definition.path], [definition.method]: operation(definition) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Lockkeeper",
      version: info.version,
      description: "Releases of embedded analytics data. Every answer comes whole from one release.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token of lockkeeper.toml; none where none is configured." },
      },
    },
  };
}

function components(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(namedSchemas)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: reference, io: "output" });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutKeys(schema)]));
}

function reference(id: string): string {
  return `#/components/schemas/${id}`;
}

/** A component has its name by where it stands. */
function withoutKeys(schema: Json): Json {
  const { $schema: _, $id: __, id: ___, ...rest } = schema;
  return rest;
}

function operation(definition: Definition): Json {
  const { id, summary, description, level, body } = definition;
  return {
    operationId: id,
    summary,
    ...(description !== undefined && { description }),
    ...(level !== "open" && { security: [{ token: [] }, {}] }),
    parameters: parametersOf(definition),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: inline(body, "input") } } } }),
    responses: responsesOf(definition),
  };
}

function parametersOf({ pathSchema, querySchema, freeParameters, requestHeaders = {}, answers }: Definition): Json[] {
  const isData = Object.values(answers).some(({ data }) => data);
  const headers = {
    ...requestHeaders,
    ...(isData && { "Min-Version": "Wait until at least this version serves, else 503.", "If-None-Match": "An ETag." }),
  };
  return [
    ...(pathSchema ? parameters(pathSchema, "path") : []),
    ...parameters(querySchema, "query"),
    ...(freeParameters
      ? [
          {
            name: freeParameters.name,
            in: "query",
            description: freeParameters.description,
            required: false,
            style: "form",
            explode: true,
            schema: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
          },
        ]
      : []),
    ...Object.entries(headers).map(([name, text]) => ({
      name,
      in: "header",
      required: false,
      description: text,
      schema: { type: "string" },
    })),
  ];
}

function parameters(schema: z.ZodType, place: "path" | "query"): Json[] {
  const { properties = {}, required = [] } = inline(schema, "input") as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}

function responsesOf({ answers, errors, level }: Definition): Json {
  const isData = Object.values(answers).some(({ data }) => data);
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(answers)) responses[status] = response(answer);
  if (isData) responses["304"] = { description: "What the caller has is still the answer.", headers: headersOf(dataHeaders) };
  const codes = [
    ...errors,
    ...everywhere,
    ...(isData ? reading : []),
    ...(level === "open" ? [] : (["TOKEN_REFUSED", "LEVEL_REFUSED"] as const)),
  ];
  for (const code of new Set(codes)) {
    const status = String(statusOf(code));
    const before = responses[status]?.["description"];
    const description = before === undefined ? code : `${before as string}, ${code}`;
    responses[status] = { description, content: { "application/problem+json": { schema: { $ref: reference("Problem") } } } };
  }
  return responses;
}

function response({ description, content = {}, data }: AnswerDefinition): Json {
  return {
    description,
    ...(data && { headers: headersOf(dataHeaders) }),
    content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: schemaOf(schema) }])),
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  );
}

function schemaOf(schema: z.ZodType | "text" | "binary"): Json {
  if (schema === "text") return { type: "string" };
  // OpenAPI 3.1: bytes as they are have no type.
  if (schema === "binary") return {};
  const [id] = Object.entries(namedSchemas).find(([, named]) => named === schema) ?? [];
  return id === undefined ? inline(schema, "output") : { $ref: reference(id) };
}

function inline(schema: z.ZodType, io: "input" | "output"): Json {
  return withoutKeys(z.toJSONSchema(schema, { io }) as Json);
}
