import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import type { Reader } from "../../../../src/reader/reader.ts";
import { readerOn, until } from "../../../reader/support/real-reader.ts";
import { good, rowsSql } from "./template.ts";

/** A reader that serves the good release, one client that never stops asking it, and what it told. */
export interface ServingReader {
  readonly reader: Reader;
  /** Codes and messages of every "degraded", and releases of every "recovered", in order. */
  readonly told: readonly { readonly event: "degraded" | "recovered"; readonly what: string }[];
  /** Messages of failed requests. */
  readonly failures: readonly string[];
  /** What one request is answered: release and rows. */
  ask(): Promise<{ readonly release: string; readonly version: number; readonly rows: number }>;
}

/** Opens a reader on a good store and keeps asking it until the test has finished. */
export async function servingReader(folder: string): Promise<ServingReader> {
  const reader = await readerOn(folder, { pollMs: 20 });
  const told: { event: "degraded" | "recovered"; what: string }[] = [];
  const failures: string[] = [];
  reader.on("degraded", ({ error }) => void told.push({ event: "degraded", what: `${error.code}: ${error.message}` }));
  reader.on("recovered", ({ release }) => void told.push({ event: "recovered", what: release }));
  reader.on("warning", () => undefined);
  const load = { running: true };
  const ask: ServingReader["ask"] = async () => {
    const { release, version, rows } = await reader.query(rowsSql);
    return { release, version, rows: rows[0]?.[0] as number };
  };
  const client = (async () => {
    while (load.running) {
      await ask().catch((error: unknown) => failures.push(String(error)));
      await wait(1);
    }
  })();
  onTestFinished(async () => {
    load.running = false;
    await client;
  });
  expect(await ask()).toMatchObject({ release: good.release, rows: good.rows });
  return { reader, told, failures, ask };
}

/** Resolves once the reader has told what is wrong, serving the good release on. */
export async function degradedBy(
  serving: ServingReader,
  { code, says }: { readonly code: string; readonly says: string },
): Promise<void> {
  await until(() => serving.told.at(-1)?.event === "degraded");
  expect(serving.told.at(-1)?.what).toContain(`${code}: `);
  expect(serving.told.at(-1)?.what).toContain(says);
  expect(serving.reader.status()).toMatchObject({ ok: false, release: good.release, lastManifestError: { code } });
  expect(await serving.ask()).toMatchObject({ release: good.release, rows: good.rows });
}

/** Resolves once the reader serves the good release and is content. */
export async function recovered(serving: ServingReader): Promise<void> {
  await until(() => serving.reader.status().ok && serving.reader.status().release === good.release);
  expect(await serving.ask()).toMatchObject({ release: good.release, rows: good.rows });
  expect(serving.failures).toEqual([]);
}
