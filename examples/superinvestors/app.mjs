// @ts-check
/**
 * The server of the web app. `STORE` is a store of lockkeeper.toml; then the page follows releases by its stream of events. Without it
 * the app reads the store in the folder `TR_05_DB`, or where that has no manifest the single file `DUCKDB_PATH`, as it always did.
 *
 *   STORE=by_publish PORT=8080 node app.mjs
 *   TR_05_DB=data/by_publish PORT=8080 node app.mjs
 *   DUCKDB_PATH=holdings.duckdb PORT=8080 node app.mjs
 */
import { serve } from "@hono/node-server";
import { openReader, openWorkspace } from "lockkeeper";
import { lockkeeperRoutes } from "lockkeeper/hono";
import { createApp } from "./create-app.mjs";

const store = process.env["STORE"];
const workspace = store === undefined ? undefined : await openWorkspace();
const reader =
  workspace && store !== undefined
    ? await workspace.openReader(store)
    : await openReader({ dir: process.env["TR_05_DB"] ?? "TR_05_DB", basename: "TR_05_DUCKDB_FILE" });
const app = createApp(reader, { store, routes: workspace && lockkeeperRoutes(workspace) });

// Idle connections live longer here than clients and proxies keep theirs: who asks on one that is just being closed sees a reset.
const serverOptions = { keepAliveTimeout: 65_000 };
const port = Number(process.env["PORT"] ?? 0);
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port, serverOptions }, (address) => {
  console.log(`listening on http://127.0.0.1:${address.port}`);
});

// A parent that is gone ("disconnect") ends the app as SIGTERM does: nothing is left behind.
for (const signal of ["SIGTERM", "SIGINT", "disconnect"]) process.once(signal, () => void stop());

/** Takes no new request, lets those under way end, and with them the streams of events. */
async function stop() {
  const closed = new Promise((resolve) => {
    server.close(resolve);
  });
  await reader.close();
  await workspace?.close();
  // Connections whose answer has ended meanwhile are idle, and would be kept for a minute.
  const sweep = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 20);
  await closed;
  clearInterval(sweep);
  process.exit(0);
}
