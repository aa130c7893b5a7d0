import type { Renderer } from "./renderer.ts";

/** Results as one document a line; errors as one line that ends stderr. */
export const jsonRenderer: Renderer = {
  report: ({ word, body }) => `${JSON.stringify({ schema: `lockkeeper/${word}@1`, ...body })}\n`,
  item: ({ body }) => `${JSON.stringify(body)}\n`,
  error: (error, exit) => `${JSON.stringify({ schema: "lockkeeper/error@1", error: { ...error.toJSON(), exit } })}\n`,
};
