import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startProgram, type Child } from "../support/child.ts";
import { temporaryFolder } from "../support/temporary.ts";

const script = fileURLToPath(new URL("parquet-in-place.mjs", import.meta.url));
const marts = 11;
const rows = 20_000;
const rounds = 10;

interface Counts {
  readonly asked: number;
  readonly failed: number;
  readonly mixed: number;
  readonly messages: string[];
}
type Report = Readonly<Record<"single" | "pair" | "self-join", Counts>>;

// What artifacts.proof.ts shows not to happen with releases. Were nothing seen here, that proof would show nothing.
test("the demonstration: marts rebuilt in place give pairs of tables from two builds", async () => {
  const report = await underRebuild({ emptied: false });
  expect(report.pair.mixed).toBeGreaterThan(0);
});

test("the demonstration: marts whose folder is emptied before each build fail", async () => {
  const report = await underRebuild({ emptied: true });
  expect(report.single.failed + report.pair.failed + report["self-join"].failed).toBeGreaterThan(0);
});

/** Two readers over the marts of a folder while a build writes them again, `rounds` times: what they saw together. */
async function underRebuild({ emptied }: { readonly emptied: boolean }): Promise<Report> {
  const folder = temporaryFolder();
  await start({ role: "build", folder }).line("built");
  const readers = [1, 2].map(() => start({ role: "read", folder, loops: 2 }));
  await Promise.all(readers.map((reader) => reader.line("ready")));
  await start({ role: "build", folder, emptied, firstTag: 2, rounds }).line("built");
  const reports = await Promise.all(readers.map(reportOf));
  const report = { single: sum("single"), pair: sum("pair"), "self-join": sum("self-join") };
  process.stdout.write(
    `${emptied ? "folder emptied before each build" : "files written over"}, ${rounds} builds of ${marts} marts: `,
  );
  process.stdout.write(`${Object.entries(report).map(told).join("; ")}\n`);
  return report;

  function sum(kind: keyof Report): Counts {
    const all = reports.map((one) => one[kind]);
    const total = (field: "asked" | "failed" | "mixed") => all.reduce((count, counts) => count + counts[field], 0);
    const messages = [...new Set(all.flatMap((counts) => counts.messages))];
    return { asked: total("asked"), failed: total("failed"), mixed: total("mixed"), messages };
  }
}

function start(options: Record<string, unknown>): Child {
  return startProgram([process.execPath, script, JSON.stringify({ marts, rows, ...options })]);
}

async function reportOf(reader: Child): Promise<Report> {
  reader.send("stop");
  return JSON.parse((await reader.line("report ")).slice("report ".length)) as Report;
}

function told([kind, { asked, failed, mixed, messages }]: [string, Counts]): string {
  return `${kind}s ${asked} asked, ${failed} failed, ${mixed} mixed${messages.length > 0 ? ` (${messages[0] ?? ""})` : ""}`;
}
