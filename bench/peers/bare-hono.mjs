// @ts-check
// What somebody would write: a Hono handler over the bare driver. Prints `listening <port>`.
import { serve } from "@hono/node-server";
import { DuckDBInstance } from "@duckdb/node-api";
import { Hono } from "hono";

const [path = "", concurrency = "8"] = process.argv.slice(2);
const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
const idle = await Promise.all(Array.from({ length: Number(concurrency) }, () => instance.connect()));
/** @type {((connection: import("@duckdb/node-api").DuckDBConnection) => void)[]} */
const waiting = [];

/**
 * @template T
 * @param {(connection: import("@duckdb/node-api").DuckDBConnection) => Promise<T>} use
 */
async function withConnection(use) {
  /** @type {import("@duckdb/node-api").DuckDBConnection} */
  const connection = idle.pop() ?? (await new Promise((resolve) => waiting.push(resolve)));
  try {
    return await use(connection);
  } finally {
    const next = waiting.shift();
    if (next) next(connection);
    else idle.push(connection);
  }
}

const kept = Buffer.from(
  JSON.stringify({ columns: [{ name: "n", type: "BIGINT" }], rows: Array.from({ length: 20 }, (_, n) => [String(n)]) }),
);
const etag = 'W/"0123456789abcdef"';
const app = new Hono();
app.get("/kept", (c) => {
  if (c.req.header("If-None-Match") === etag) return c.body(null, 304, { ETag: etag });
  return c.body(kept, 200, { "Content-Type": "application/json", ETag: etag });
});
app.get("/small", async (c) => {
  const reader = await withConnection((connection) =>
    connection.runAndReadAll(
      "SELECT bucket, count(*) AS n, sum(amount) AS total FROM facts WHERE bucket < $1 GROUP BY bucket ORDER BY bucket",
      [Number(c.req.query("below"))],
    ),
  );
  return c.json({ columns: reader.columnNames(), rows: reader.getRowsJson() });
});
app.get("/read", async (c) => {
  const startedAt = performance.now();
  const reader = await withConnection((connection) => connection.runAndReadAll("SELECT * FROM wide"));
  const rows = reader.getRowsJson().length;
  return c.json({ rows, ms: performance.now() - startedAt });
});
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => console.log(`listening ${port}`));
