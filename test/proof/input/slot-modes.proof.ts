import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { distUrl } from "../../support/child.ts";
import { startOperation } from "../../support/store.ts";
import { proofLedger } from "../ledger.ts";
import { asNobody } from "./support/nobody.ts";
import { templateStore } from "./support/template.ts";

const template = templateStore();
const ledger = proofLedger("slots", "2-modes");

test("FACTS 5: an active slot that this user may not read, as another user, for root ignores modes", async () => {
  const row = { operation: "the active slot, a serving and a starting reader and check", fault: "mode 000, for another user" };
  if (process.getuid?.() !== 0) {
    return ledger.add({ ...row, outcome: "", count: 0, skipped: "only root can start a process as another user" });
  }
  const folder = template.copy();
  for (const each of [dirname(folder), folder]) chmodSync(each, 0o755);
  const slot = join(folder, "DB_b.duckdb");
  const served = startOperation(
    folder,
    `
    const { openReader } = await import(${JSON.stringify(distUrl("workspace/open-reader.js"))});
    process.setgid(65534);
    process.setuid(65534);
    const reader = await openReader({ dir: ${JSON.stringify(folder)} });
    console.log("serving");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    const { rows } = await reader.query("SELECT count(*)::INT FROM t");
    await reader.close();
    process.stdin.destroy();
    return rows;
  `,
  );
  await served.line("serving");
  chmodSync(slot, 0);
  served.send("ask");
  expect(await served.line("result ")).toBe("result [[2]]");
  const denied = { code: "PERMISSION_DENIED", exit: 17, message: expect.stringContaining(slot) };
  expect(await asNobody(folder, `return openReader({ dir: ${JSON.stringify(folder)} });`)).toMatchObject(denied);
  expect(await asNobody(folder, `return checkRelease(store);`)).toMatchObject(denied);
  ledger.add({
    ...row,
    outcome: "the serving one serves on; the others are `PERMISSION_DENIED`, exit 17, naming the file",
    count: 3,
  });
});
