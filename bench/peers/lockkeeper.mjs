// @ts-check
import { join } from "node:path";
import { openReader, openWorkspace } from "lockkeeper";
import { question } from "./question.mjs";

/** @type {import("../lib/reader-process.mjs").OpenPeer} */
export async function openPeer(folder) {
  const reader = await openReader({ dir: join(folder, "flights") });
  const sql = question("flights");
  return {
    ask: async () => Number((await reader.query(sql)).rows[0]?.[0]),
    close: () => reader.close(),
  };
}

/**
 * The publishing side, with every guarantee on.
 *
 * @type {import("../switch.mjs").OpenWriter}
 */
export async function openWriter(folder, config) {
  const workspace = await openWorkspace({ config });
  return {
    pointer: join(folder, "flights", "db_manifest.json"),
    publish: async (build) => {
      const { outcome } = await workspace.publish("flights", ({ path }) => build(path));
      if (outcome !== "switched") throw new Error(`a publish of the bench was ${outcome}`);
    },
    close: () => workspace.close(),
  };
}
