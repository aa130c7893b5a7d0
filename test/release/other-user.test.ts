import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { publish } from "../../src/release/publish.ts";
import { distUrl } from "../support/child.ts";
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
    const denied = { code: "PERMISSION_DENIED", exit: 17 };
    expect(await asNobody(folder, "return publish(store, rowsBuild(3));")).toMatchObject(denied);
    expect(await asNobody(folder, "return rollback(store);")).toMatchObject(denied);
    expect(manifestBytes(folder)).toBe(manifest);
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
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
