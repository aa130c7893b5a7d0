import { existsSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findPostgres, startPostgres } from "../../examples/lib/postgres.mjs";
import { startScript } from "../support/child.ts";

const search = findPostgres();
const why = "why" in search ? search.why : "";
const library = fileURLToPath(new URL("../../examples/lib/postgres.mjs", import.meta.url));

/** Whether somebody listens there. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    for (const event of ["connect", "error"]) {
      socket.once(event, () => {
        socket.destroy();
        resolve(event === "connect");
      });
    }
  });
}

test.skipIf(why !== "")(
  "a PostgreSQL of one's own listens on this machine alone, not as root, and is gone without a trace",
  async () => {
    const cluster = await startPostgres();
    onTestFinished(() => cluster.remove());
    const settings = ["listen_addresses", "unix_socket_directories", "data_directory", "fsync"];
    const shown = `SELECT ${settings.map((name) => `current_setting('${name}')`).join(", ")}, pg_backend_pid()`;
    const [addresses, sockets, folder = "", fsync, pid] = (await cluster.query(shown))[0]?.split("|") ?? [];
    expect([addresses, sockets, fsync, Number(pid) > 0]).toEqual(["127.0.0.1", "", "off", true]);
    const [server = ""] = readFileSync(`${folder}/postmaster.pid`, "utf8").split("\n");
    if (process.platform === "linux") expect(readFileSync(`/proc/${server}/status`, "utf8")).toMatch(/^Uid:\t[1-9]/m);
    await cluster.remove();
    expect([existsSync(folder), await isOpen(cluster.port)]).toEqual([false, false]);
  },
);

test.skipIf(why !== "")(
  "it can be down for a while: stopped in order or as by a crash, its data stay, and its port",
  async () => {
    const cluster = await startPostgres();
    onTestFinished(() => cluster.remove());
    await cluster.query("CREATE TABLE t AS SELECT 7 AS n");
    const { port } = cluster;
    for (const signal of ["INT", "QUIT"] as const) {
      await cluster.stop(signal);
      expect(await isOpen(port)).toBe(false);
      await expect(cluster.query("SELECT n FROM t")).rejects.toThrow(/Connection refused/);
      await cluster.stop();
      await cluster.start();
      expect([cluster.port, await cluster.query("SELECT n FROM t")]).toEqual([port, ["7"]]);
    }
    await expect(cluster.query("SELECT nothing")).rejects.toThrow(/column "nothing" does not exist/);
  },
);

test.skipIf(why !== "")("it ends with whoever started it, also by SIGKILL, and its folder goes", async () => {
  const child = startScript(`
    import { startPostgres } from ${JSON.stringify(library)};
    const cluster = await startPostgres();
    console.log("folder " + (await cluster.query("SHOW data_directory"))[0]);
    console.log("port " + cluster.port);
  `);
  const folder = (await child.line("folder ")).slice("folder ".length);
  const port = Number((await child.line("port ")).slice("port ".length));
  expect(await isOpen(port)).toBe(true);
  child.process.kill("SIGKILL");
  await child.ended;
  await expect.poll(() => isOpen(port), { timeout: 20_000 }).toBe(false);
  await expect.poll(() => existsSync(folder.replace(/\/data$/, "")), { timeout: 20_000 }).toBe(false);
});

test.runIf(why !== "")("PostgreSQL is not tried", () => {
  process.stdout.write(`skipped: ${why}\n`);
});
