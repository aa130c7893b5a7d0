import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { chromium, type Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { lockkeeperRoutes } from "../../src/hono.ts";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { distUrl } from "../support/child.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const browserPath = "/usr/bin/chromium";

/** What a page would do: show the data with its version, and follow what happens. */
const page = `<!doctype html><title>loading</title><link rel="icon" href="data:,"><script type="module">
  import { createClient } from "/modules/client.js";
  const holdings = createClient({ url: "/data" }).store("holdings");
  window.seen = [];
  window.breaks = 0;
  async function show() {
    const { rows, release, version } = await holdings.rows("t", { limit: 1000, shape: "objects" });
    window.seen.push(version);
    document.title = [release, version, rows.length, rows.at(-1).name].join(" ");
  }
  await show();
  for await (const event of holdings.follow({ after: 0, onBreak: () => (window.breaks += 1) })) {
    if (event.type === "release.switched" && event.version > window.seen.at(-1)) await show();
  }
</script>`;

/** An app of one's own that has the routes below /data, and the client's files as they ship. */
function appOf(routes: Hono): Hono {
  const app = new Hono();
  app.route("/data", routes);
  app.get("/", (c) => c.html(page));
  app.get("/modules/*", (c) => {
    const url = new URL(c.req.path.slice("/modules/".length), distUrl("./"));
    return c.body(readFileSync(url, "utf8"), 200, { "Content-Type": "text/javascript" });
  });
  return app;
}

/** An app that listens; `restart` makes another on the same port, over readers of its own. */
async function served() {
  const folder = temporaryFolder();
  const config = join(folder, "lockkeeper.toml");
  writeFileSync(config, `format = 1\n[stores.holdings]\nkind = "release"\ndir = "data"\n`);
  const publisher = await openWorkspace({ config });
  const publish = (rows: number) =>
    publisher.publish("holdings", ({ path }) =>
      writeDatabase(path, `CREATE TABLE t AS SELECT range AS n, 'row-' || range AS name FROM range(${rows})`),
    );
  const start = async (wanted: number) => {
    const workspace = await openWorkspace({ config });
    const { fetch } = appOf(lockkeeperRoutes(workspace) as unknown as Hono);
    const socket = createAdaptorServer({ fetch }) as Server & { closeAllConnections(): void };
    socket.listen(wanted, "127.0.0.1");
    await once(socket, "listening");
    const stop = async () => {
      const closed = once(socket, "close");
      socket.close();
      socket.closeAllConnections();
      await closed;
      await workspace.close();
    };
    return { port: (socket.address() as AddressInfo).port, stop };
  };
  let running = await start(0);
  const { port } = running;
  onTestFinished(async () => {
    await running.stop();
    await publisher.close();
  });
  const restart = async () => {
    await running.stop();
    running = await start(port);
  };
  return { url: `http://127.0.0.1:${port}/`, publisher, publish, restart };
}

async function openPage(url: string): Promise<{ readonly page: Page; readonly problems: string[] }> {
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-sync",
    ],
  });
  onTestFinished(() => browser.close());
  const opened = await browser.newPage();
  const problems: string[] = [];
  opened.on("pageerror", (error) => problems.push(error.message));
  await opened.goto(url);
  return { page: opened, problems };
}

describe("in a browser", () => {
  test.skipIf(!existsSync(browserPath))(
    "a page shows the data, follows switches and a rollback without a reload, also over a restart of the server, and never goes back",
    async () => {
      const { url, publisher, publish, restart } = await served();
      await publish(10);
      const { page: shown, problems } = await openPage(url);
      const title = (text: string) => expect.poll(() => shown.title(), { timeout: 60_000 }).toBe(text);
      await title("r000001 1 10 row-9");
      await shown.evaluate("window.marker = 'not reloaded'");
      await publish(20);
      await title("r000002 2 20 row-19");
      await restart();
      await publish(30);
      await title("r000003 3 30 row-29");
      await publisher.rollback("holdings", { reason: "looks wrong" });
      await title("r000002 4 20 row-19");
      expect(await shown.evaluate("window.marker")).toBe("not reloaded");
      expect(await shown.evaluate("window.seen")).toEqual([1, 2, 3, 4]);
      expect(await shown.evaluate("window.breaks")).toBeGreaterThan(0);
      expect(problems).toEqual([]);
    },
  );

  test.runIf(!existsSync(browserPath))("is not tried: there is no Chromium", () => {
    process.stdout.write(`skipped: ${browserPath} is not installed\n`);
  });
});
