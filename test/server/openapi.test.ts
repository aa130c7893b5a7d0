import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { testServer } from "./support/server.ts";

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId: string; readonly responses: object }>>>
  >;
}

async function documentOf(): Promise<{ readonly document: Document; readonly routes: readonly string[] }> {
  const { server, json } = await testServer();
  const { body } = await json("/openapi.json");
  const routes = server.routes.map(({ definition }) => `${definition.method} ${definition.path}`);
  return { document: body as unknown as Document, routes };
}

test("the document is valid OpenAPI 3.1", async () => {
  const { document } = await documentOf();
  const { valid, errors } = await new Validator().validate({ ...document });
  expect([valid, errors]).toEqual([true, undefined]);
});

test("every route is in the document, and the reverse; each operation has an id of its own and tells what may go wrong", async () => {
  const { document, routes } = await documentOf();
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(described.toSorted()).toEqual([...routes].toSorted());
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { responses } of operations) {
    expect(Object.keys(responses)).toEqual(expect.arrayContaining([expect.stringMatching(/^20[02]$/), "400"]));
  }
});

test("a path that is there with another method is 405 with those it has; one that is not is 404", async () => {
  const { ask, server } = await testServer();
  for (const { definition } of server.routes) {
    const path = definition.path.replaceAll(/\{\w+\}/g, "x");
    const refused = await ask(path, { method: "DELETE" });
    expect([path, refused.status]).toEqual([path, 405]);
    expect(refused.headers.get("Allow")).toContain(definition.method.toUpperCase());
  }
  expect((await ask("/v1/nothing")).status).toBe(404);
});
