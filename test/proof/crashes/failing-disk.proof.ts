import { expect, test } from "vitest";
import { proofLedger } from "../ledger.ts";
import { sweepFailures, type Failure } from "./failing-disk.ts";
import { proofSeed } from "../seed.ts";
import { onFailingDisks } from "./every-scenario.ts";

const ledger = proofLedger("crashes", "failing-disk");
const seed = proofSeed(1);

const some = { exhaustiveMax: 64, samples: 8 };

/** Each of the disks is gone on with twice. */
const few = { exhaustiveMax: 4, samples: 0 };

const changing = /^(open|write|truncate|makeFolder|rename|removeFile|removeFolder|sync|syncFolder|copy|link|setMode)$/;

const failures: readonly Failure[] = [
  { name: "a failed fsync, and what was written is lost", code: "EIO", operations: /^sync$/, lasting: false },
  { name: "a failed fsync of a folder", code: "EIO", operations: /^syncFolder$/, lasting: false },
  { name: "one failed call", code: "EIO", operations: /^(?!query)/, lasting: false },
  { name: "a disk that is full from then on", code: "ENOSPC", operations: /^(write|makeFolder|copy|rename)$/, lasting: true },
  { name: "a volume that is read-only from then on", code: "EROFS", operations: changing, lasting: true },
];

test.each(failures.map((failure) => [failure.name, failure] as const))(
  "%s: an error that is true, nothing lost, and after a power cut the next commands work",
  async (_name, failure) => {
    const total = { runs: 0, images: 0 };
    for (const scenario of onFailingDisks) {
      const report = await sweepFailures(scenario, failure, { seed, ...(scenario.alsoOn ? few : some) });
      total.runs += report.runs;
      total.images += report.images;
    }
    // An operation that fsyncs no file meets no failed fsync of one.
    expect(total.runs).toBeGreaterThan(3 * onFailingDisks.length);
    process.stdout.write(`${failure.name}: ${JSON.stringify(total)}\n`);
    ledger.add({
      operation: "every operation",
      fault: failure.name,
      outcome: "an error that is true, or success; then a power cut, and the next commands work",
      count: total.runs,
    });
  },
);
