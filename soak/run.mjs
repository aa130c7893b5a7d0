#!/usr/bin/env node
// @ts-check
/**
 * Publishes, reads and kills for some minutes, and checks what everybody wrote down.
 *
 *   npm run soak -- [--minutes 5] [--seed TEXT] [--keep]
 *
 * The seed chooses what is done and who is killed. It replays the choices, not the timing: a fault that needs a certain moment may need more than one run.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkHistory } from "./checker/check.mjs";
import { summarize } from "./checker/summary.mjs";
import { soak } from "./driver/soak.mjs";
import { proofRows, renderSummary, renderViolations } from "./lib/report.mjs";

const options = optionsOf(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), "lockkeeper-soak-"));
const interrupted = new AbortController();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => interrupted.abort(signal));

say(`seed ${options.seed}, ${options.minutes} minutes, in ${folder}; the seed replays the choices, not the timing`);
let keep = true;
try {
  const written = await soak({
    folder,
    ...options,
    interrupted: interrupted.signal,
    onBegun: () => say("everybody is at work"),
  });
  const violations = checkHistory(written);
  const summary = summarize(written);
  process.stdout.write(renderSummary(summary, violations));
  if (violations.length > 0) {
    writeFileSync(join(folder, "violations.jsonl"), violations.map((violation) => `${JSON.stringify(violation)}\n`).join(""));
    process.stdout.write(renderViolations(violations));
    say(`all of it: ${join(folder, "violations.jsonl")}; what everybody wrote down: ${join(folder, "logs")}`);
    say(`again: npm run soak -- --minutes ${options.minutes} --seed ${options.seed}`);
  } else if (options.record && !interrupted.signal.aborted) record(summary);
  keep = options.keep || violations.length > 0;
  process.exitCode = violations.length > 0 ? 1 : interruptedExit();
} finally {
  if (keep) say(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** @param {string[]} words */
function optionsOf(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
      keep: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new RangeError(`--minutes ${values.minutes}: how long to soak, a number above 0`);
  return { ...values, minutes };
}

/** For docs/proof.md, in the format of test/proof/ledger.ts. @param {import("./checker/summary.mjs").Summary} summary */
function record(summary) {
  const rows = proofRows(summary);
  const proofs = fileURLToPath(new URL("../.proof/", import.meta.url));
  mkdirSync(proofs, { recursive: true });
  writeFileSync(join(proofs, "soak.run.json"), `${JSON.stringify({ area: "soak", part: "run", rows }, undefined, 1)}\n`);
}

function interruptedExit() {
  if (!interrupted.signal.aborted) return 0;
  return interrupted.signal.reason === "SIGINT" ? 130 : 143;
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`soak: ${text}\n`);
}
