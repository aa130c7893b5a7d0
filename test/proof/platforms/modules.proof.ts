import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { distUrl, startProgram } from "../../support/child.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const ledger = proofLedger("platforms", "2-modules");

/** What the platform's modules do when they are loaded as on `system`. */
async function loadedOn(system: "win32" | "darwin"): Promise<Record<string, unknown>> {
  const script = fileURLToPath(new URL("process-platform.mjs", import.meta.url));
  const child = startProgram([process.execPath, script, system, distUrl(""), temporaryFolder()]);
  return JSON.parse((await child.line("result ")).slice("result ".length)) as Record<string, unknown>;
}

test("Windows: one byte at 2^40 is locked, so that the note can be read; a held one is a refusal, not an error; no folder is synced", async () => {
  const seen = await loadedOn("win32");
  const byte = { offset: 2 ** 40, length: 1 };
  expect(seen["calls"]).toEqual([{ ...byte, shared: false }, { ...byte, shared: false }, byte]);
  expect(seen).toMatchObject({ note: true, refused: "WRITER_LOCKED", synced: "synced", foldersSynced: 0, count: "unknown" });
  expect(seen["transient"]).toEqual(["EPERM", "EBUSY", "EACCES"]);
  // Not 0o640: modes and owners mean nothing there.
  expect(seen).toMatchObject({ mode: 0o600, disk: { name: "win32", network: false } });
  ledger.add({
    operation: "Windows: the platform's own modules",
    fault: "loaded as on Windows: mandatory locks, EBUSY of a held one, fsync refused through a descriptor that cannot write",
    outcome:
      "one byte at 2^40, the note stays readable; a refusal; files synced through another descriptor, folders not at all; renames tried again; modes left alone",
    count: 1,
  });
});

test("macOS: the whole file is locked, folders are synced, renames are not tried again, and the kernel lists no locks", async () => {
  const seen = await loadedOn("darwin");
  const whole = { offset: 0, length: 0 };
  expect(seen["calls"]).toEqual([{ ...whole, shared: false }, { ...whole, shared: false }, whole]);
  expect(seen).toMatchObject({
    note: true,
    synced: "synced",
    count: "unknown",
    transient: [],
    mode: 0o640,
    disk: { name: "darwin" },
  });
  expect(seen["foldersSynced"]).toBeGreaterThan(0);
  ledger.add({
    operation: "macOS: the platform's own modules",
    fault: "loaded as on macOS",
    outcome: "whole-file locks, folders synced, renames not tried again, no list of locks",
    count: 1,
  });
});
