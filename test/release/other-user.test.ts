import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { distUrl, startScript } from "../support/child.ts";
import { manifestBytes, rowsBuild, startOperation, storeIn } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

// FACTS 5: root ignores file modes, so these run in a child with another uid, which only root can start.
const asRoot = process.getuid?.() === 0;
const nobody = 65534;

/** A store of root's with two releases that everybody may read. */
async function readableStore(): Promise<string> {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  for (const rows of [1, 2]) await publish(storeIn(folder), rowsBuild(rows));
  return folder;
}

/** What `body` came to for another user. */
async function asNobody(folder: string, body: string): Promise<Record<string, unknown>> {
  const child = startOperation(
    folder,
    `
    const { storeStatus } = await import(${JSON.stringify(distUrl("release/status.js"))});
    process.setgid(${nobody});
    process.setuid(${nobody});
    ${body}
  `,
  );
  expect(await child.ended).toMatchObject({ code: 0 });
  const line = child.stdout().trim().split("\n").at(-1) ?? "";
  return JSON.parse(line.slice(line.indexOf(" ") + 1)) as Record<string, unknown>;
}

describe.runIf(asRoot)("as another user", () => {
  test("a user who may only read sees the status and the plans, and is denied a publish and a rollback, exit 17", async () => {
    const folder = await readableStore();
    const manifest = manifestBytes(folder);
    expect(await asNobody(folder, "return storeStatus(store);")).toMatchObject({ status: "pass", release: "r000002" });
    expect(await asNobody(folder, "return publish(store, rowsBuild(3), { dryRun: true });")).toMatchObject({
      outcome: "planned",
    });
    const hint = expect.stringContaining("where that is mounted writable") as string;
    const denied = { code: "PERMISSION_DENIED", exit: 17, hint };
    expect(await asNobody(folder, "return publish(store, rowsBuild(3));")).toMatchObject(denied);
    expect(await asNobody(folder, "return rollback(store);")).toMatchObject(denied);
    expect(manifestBytes(folder)).toBe(manifest);
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
  });

  test("a publish under umask 077 is as open to other users as the store's own folder", async () => {
    const build = `{ kind: "function", async build({ dir }) {
      const instance = await DuckDBInstance.create(":memory:");
      const connection = await instance.connect();
      await connection.run("COPY (SELECT 1 AS n) TO '" + dir + "/mart/t.parquet'");
      connection.closeSync();
      instance.closeSync();
    } }`;
    const artifacts = [{ kind: "parquet", path: "mart", schema: "mart" }] as const;
    for (const mode of [0o755, 0o700]) {
      const folder = temporaryFolder();
      chmodSync(folder, mode);
      const options = { dir: folder, layout: "releases", artifacts } as const;
      const child = startOperation(options, `process.umask(0o077); return publish(store, ${build});`);
      await child.line("result ");
      const inner = ["releases/r000001/mart", ".lockkeeper/pins", ".lockkeeper/records"];
      expect(inner.map((path) => statSync(join(folder, path)).mode & 0o777)).toEqual([0o755, 0o755, 0o755]);
      expect(statSync(folder).mode & 0o777).toBe(mode);
      const script = `
        import { openReader } from ${JSON.stringify(distUrl("index.js"))};
        process.setgid(${nobody});
        process.setuid(${nobody});
        try {
          const reader = await openReader({ dir: ${JSON.stringify(folder)} });
          const { rows } = await reader.query("SELECT n FROM mart.t");
          console.log(rows[0][0], reader.status().pinned);
          await reader.close();
        } catch (error) {
          console.log(error.code);
        }
      `;
      const reader = startScript(script);
      await reader.ended;
      expect(reader.stdout()).toBe(mode === 0o755 ? "1 true\n" : "PERMISSION_DENIED\n");
    }
  });

  test.each([
    { part: "", mode: 0o700, subject: "db_manifest.json" },
    { part: "db_manifest.json", mode: 0, subject: "db_manifest.json" },
    { part: ".lockkeeper", mode: 0o700, subject: ".lockkeeper/history.jsonl" },
  ])(
    "what another user may not read is named, with mode $mode on $part: the status says so, the rest is exit 17",
    async (closed) => {
      const folder = await readableStore();
      chmodSync(join(folder, closed.part), closed.mode);
      const status = await asNobody(folder, "return storeStatus(store);");
      expect(status).toMatchObject({
        status: "fail",
        detail: [expect.stringContaining(`${join(folder, closed.subject)}: EACCES`)],
      });
      for (const body of ["publish(store, rowsBuild(3), { dryRun: true })", "rollback(store)", "adopt(store)"]) {
        expect(await asNobody(folder, `return ${body};`)).toMatchObject({ code: "PERMISSION_DENIED", exit: 17 });
      }
    },
  );
});
