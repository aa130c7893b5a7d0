import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readerOn, until } from "../../reader/support/real-reader.ts";
import { rejection } from "../../reader/support/rejection.ts";
import { openReader } from "../../../src/workspace/open-reader.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { distUrl, startScript } from "../../support/child.ts";
import { startOperation, storeIn } from "../../support/store.ts";
import { proofLedger } from "../ledger.ts";
import { asNobody } from "./support/nobody.ts";
import { put } from "./support/place.ts";
import { degradedBy, recovered, servingReader } from "./support/serving.ts";
import { good, rowsSql, templateStore } from "./support/template.ts";

const template = templateStore();
const ledger = proofLedger("manifests", "5-surroundings");
const asRoot = process.getuid?.() === 0;

const replacements = 3000;

/** Replaces the manifest by a rename, again and again, about once a millisecond; one in ten is no manifest. */
const storm = (manifest: string): string => `
  import { renameSync, writeFileSync } from "node:fs";
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let count = 1; count <= ${replacements}; count += 1) {
    const text = JSON.stringify({ active: count % 2 === 0 ? "a" : "b", version: 10 + count });
    writeFileSync(${JSON.stringify(`${manifest}.made`)}, count % 10 === 5 ? text.slice(0, -1) : text);
    renameSync(${JSON.stringify(`${manifest}.made`)}, ${JSON.stringify(manifest)});
    Atomics.wait(pause, 0, 0, 1);
  }
  console.log("done");
`;

test("replaced a thousand times a second while it is read: every answer is one release, and none is older than the one before", async () => {
  const folder = template.copy();
  const reader = await readerOn(folder, { pollMs: 20 });
  const child = startScript(storm(join(folder, "db_manifest.json")));
  const over = { yet: false };
  void child.ended.then(() => (over.yet = true));
  const seen = { answers: 0, version: 0, wrong: [] as string[] };
  const last = `v${10 + replacements}-a`;
  while (!over.yet) {
    const { release, version, rows } = await reader.query(rowsSql);
    const expected = release.endsWith("-a") ? 1 : good.rows;
    if (rows[0]?.[0] !== expected || version < seen.version)
      seen.wrong.push(`${release}: ${String(rows[0]?.[0])} after ${seen.version}`);
    seen.version = version;
    seen.answers += 1;
  }
  expect(await child.ended).toMatchObject({ code: 0 });
  expect(seen.wrong).toEqual([]);
  expect(seen.answers).toBeGreaterThan(10);
  await until(() => reader.status().ok && reader.status().release === last);
  expect(await reader.query(rowsSql)).toMatchObject({ release: last, rows: [[1]] });
  ledger.add({
    operation: "a serving reader",
    fault: "the manifest is replaced about 1,000 times a second, one in ten is cut off",
    outcome: "every answer is one whole release, versions never go back, no request fails, the last one serves in the end",
    count: replacements,
  });
});

test("FACTS 5: a manifest that this user may not read, as another user, for root ignores modes", async () => {
  const fault = "a manifest of mode 000";
  if (!asRoot)
    return ledger.add({
      operation: "every door",
      fault,
      outcome: "",
      count: 0,
      skipped: "only root can start a process as another user",
    });
  const folder = template.copy();
  for (const each of [dirname(folder), folder]) chmodSync(each, 0o755);
  const manifest = join(folder, "db_manifest.json");
  const served = startOperation(
    folder,
    `
    const { openReader } = await import(${JSON.stringify(distUrl("workspace/open-reader.js"))});
    process.setgid(65534);
    process.setuid(65534);
    // A reader keeps no process alive.
    const alive = setInterval(() => undefined, 1000);
    const reader = await openReader({ dir: ${JSON.stringify(folder)}, pollMs: 20 });
    const told = new Promise((resolve) => reader.on("degraded", ({ error }) => resolve(error.message)));
    const back = new Promise((resolve) => reader.on("recovered", resolve));
    console.log("serving");
    const message = await told;
    const during = await reader.query("SELECT count(*)::INT FROM t");
    console.log("degraded");
    await back;
    const after = await reader.query("SELECT count(*)::INT FROM t");
    await reader.close();
    clearInterval(alive);
    return { message, during: during.rows, after: after.rows };
  `,
  );
  await served.line("serving");
  chmodSync(manifest, 0);
  await served.line("degraded");
  const denied = { code: "PERMISSION_DENIED", exit: 17, message: expect.stringContaining(manifest) };
  expect(await asNobody(folder, `return openReader({ dir: ${JSON.stringify(folder)} });`)).toMatchObject(denied);
  expect(await asNobody(folder, "return publish(store, rowsBuild(3), { dryRun: true });")).toMatchObject(denied);
  expect(await asNobody(folder, "return rollback(store);")).toMatchObject(denied);
  expect(await asNobody(folder, "return storeStatus(store);")).toMatchObject({
    status: "fail",
    detail: [expect.stringContaining(`${manifest}: EACCES`)],
  });
  chmodSync(manifest, 0o644);
  expect(JSON.parse((await served.line("result ")).slice("result ".length))).toEqual({
    message: expect.stringContaining(`${manifest}: EACCES`),
    during: [[good.rows]],
    after: [[good.rows]],
  });
  ledger.add({
    operation: "every door",
    fault,
    outcome: "a serving reader serves on and recovers; the others are `PERMISSION_DENIED`, exit 17, naming the file",
    count: 5,
  });
});

test("a device in the manifest's place", async () => {
  const fault = "a device that never ends, in the manifest's place";
  const folder = template.copy();
  const place = template.place(folder);
  const serving = await servingReader(folder);
  try {
    put(place.manifest, (made) => void execFileSync("mknod", [made, "c", "1", "5"], { stdio: "ignore" }));
  } catch {
    return ledger.add({ operation: "every door", fault, outcome: "", count: 0, skipped: "only root can make a device" });
  }
  const verdict = { code: "MANIFEST_INVALID", says: "is not a regular file (other)" };
  await degradedBy(serving, verdict);
  expect(await rejection(openReader({ dir: folder }))).toMatchObject({
    code: verdict.code,
    message: expect.stringContaining(verdict.says),
  });
  expect(await storeStatus(storeIn(folder))).toMatchObject({ status: "fail", detail: [expect.stringContaining(verdict.says)] });
  place.restore();
  await recovered(serving);
  ledger.add({ operation: "every door", fault, outcome: "it is not read; `MANIFEST_INVALID`", count: 3 });
});
