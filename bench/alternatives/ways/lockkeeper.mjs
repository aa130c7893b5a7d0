// @ts-check
/** Lockkeeper as it comes: slots, every guarantee on, two checks. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openReader as openStore, openWorkspace } from "lockkeeper";
import { changedAt, identityOf } from "../lib/files.mjs";
import { answerWith } from "../question.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const reader = await openStore({ dir: join(folder, "filings") });
  return {
    ask: (between) => reader.borrow((release) => answerWith(async (sql) => (await release.query(sql)).rows[0], { between })),
    healthy: () => reader.status().ok,
  };
}

/** @type {import("../ways.mjs").OpenPublisher} */
export async function openPublisher(folder) {
  const config = join(folder, "lockkeeper.toml");
  writeFileSync(
    config,
    `format = 1
[stores.filings]
kind = "release"
dir = "filings"
layout = "slots"
basename = "filings"
checks = [
  { check = "tables", names = ["investors", "filings"] },
  { check = "rows", table = "filings", min = 1 },
]
`,
  );
  const workspace = await openWorkspace({ config });
  const manifest = join(folder, "filings", "db_manifest.json");
  let number = 0;
  return {
    publish: async (build, onPhase) => {
      const before = number === 0 ? "" : identityOf(manifest);
      const { outcome, checks } = await workspace.publish("filings", ({ path }) => build(path), {
        onProgress: (event) => (event.kind === "phase" ? onPhase?.(event.phase) : undefined),
      });
      if (outcome !== "switched") throw new Error(`the publish was ${outcome}: ${JSON.stringify(checks)}`);
      number += 1;
      if (identityOf(manifest) === before) throw new Error("the manifest did not change");
      return changedAt(manifest);
    },
    nextPath: () => join(folder, "filings", `filings_${number % 2 === 0 ? "a" : "b"}.duckdb`),
    rollback: async () => void (await workspace.rollback("filings", { reason: "probe of the bench" })),
    force: async (build) => {
      const active = number % 2 === 0 ? "a" : "b";
      await build(join(folder, "filings", `filings_${active}.duckdb`));
      const { version } = JSON.parse(readFileSync(manifest, "utf8"));
      writeFileSync(`${manifest}.new`, JSON.stringify({ active, version: version + 1, lastUpdated: new Date().toISOString() }));
      renameSync(`${manifest}.new`, manifest);
    },
    close: () => workspace.close(),
  };
}
