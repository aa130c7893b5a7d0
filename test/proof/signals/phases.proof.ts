import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkRelease } from "../../../src/release/check.ts";
import { publish } from "../../../src/release/publish.ts";
import { storeStatus } from "../../../src/release/status.ts";
import { startCli } from "../../cli/support/cli.ts";
import { proofLedger } from "../ledger.ts";
import { manifestBytes, manifestOf, rowsBuild, storeIn } from "../../support/store.ts";
import { workspaceAtTwo, copyEtl } from "./support.ts";
import { stoppedAt, stoppingAt } from "./stopped.ts";

const ledger = proofLedger("signals", "1-phases");

const signals = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

/** A command of the command line, the failpoints it passes, and which of them lie before its commit. */
interface Operation {
  readonly name: string;
  readonly words: readonly string[];
  /** Before its point of no return: the signal is obeyed, and nothing has changed. */
  readonly before: readonly string[];
  /** After it: the operation ends well, whole, and says so. */
  readonly after: readonly string[];
  readonly prepare?: (cwd: string) => void;
}

const switching = ["switch.synced", "switch.renamed"];

const operations: readonly Operation[] = [
  {
    name: "publish",
    words: ["publish", "holdings", "--", ...copyEtl],
    before: ["build.begun", "seal.synced", "record.renamed", "install.recorded"],
    after: ["install.renamed", "switch.synced", "switch.renamed", "history.appended", "prune.done"],
  },
  { name: "rollback", words: ["rollback", "holdings"], before: ["rollback.verified"], after: switching },
  {
    name: "adopt",
    words: ["adopt", "holdings"],
    before: ["record.written", "adopt.recorded"],
    after: switching,
    prepare: (cwd) => {
      const path = join(cwd, "data/db_manifest.json");
      const { active, version } = manifestOf(join(cwd, "data"));
      writeFileSync(path, JSON.stringify({ active, version }));
    },
  },
  {
    name: "init --from",
    words: ["init", "fresh", "--from", "source.duckdb"],
    before: ["build.begun", "seal.synced", "install.recorded"],
    after: ["install.renamed", "switch.renamed"],
    prepare: (cwd) => renameSync(join(cwd, "data/DB_a.duckdb"), join(cwd, "source.duckdb")),
  },
];

describe.each(operations)("$name", ({ name, words, before, after, prepare }) => {
  /** Runs the command, stops it at a failpoint, sends the signal, and lets it go on to its end. */
  async function interrupted(failpoint: string, signal: NodeJS.Signals) {
    const cwd = await workspaceAtTwo();
    prepare?.(cwd);
    const config = readFileSync(join(cwd, "lockkeeper.toml"), "utf8");
    const manifest = manifestBytes(join(cwd, "data"));
    const child = startCli(["--json", ...words], { cwd, env: stoppingAt(failpoint) });
    await stoppedAt(child, failpoint);
    child.process.kill(signal);
    child.process.kill("SIGCONT");
    const { code } = await child.ended;
    const folder = join(cwd, name === "init --from" ? "data/fresh" : "data");
    return { cwd, folder, child, code, config, manifest };
  }

  /** Locks free, no build, no temporary file; whoever comes next works. */
  async function expectClean(folder: string): Promise<void> {
    const store = name === "init --from" ? storeIn(folder, { name: "fresh", basename: "source" }) : storeIn(folder);
    const status = await storeStatus(store);
    expect(status.lock).toBeUndefined();
    expect(readdirSync(join(folder, ".lockkeeper/builds"))).toEqual([]);
    expect(readdirSync(folder).filter((file) => file.endsWith(".tmp"))).toEqual([]);
    // A store that is still foreign takes no publish of ours; that it is, is proof enough that nothing was switched.
    if (status.detail.some((detail) => detail.includes("adopt"))) return;
    expect(await publish(store, rowsBuild(7))).toMatchObject({ outcome: "switched" });
  }

  for (const [signal, exit] of signals) {
    test(`${signal} before the commit: exit ${exit}, nothing changed`, async () => {
      for (const failpoint of before) {
        const { folder, child, code, cwd, config, manifest } = await interrupted(failpoint, signal);
        expect({ failpoint, code }).toEqual({ failpoint, code: exit });
        expect(child.stdout()).toBe("");
        const last = JSON.parse(child.stderr().trimEnd().split("\n").at(-1) ?? "") as { error: object };
        expect(last.error).toMatchObject({ code: "INTERRUPTED", exit });
        expect(manifestBytes(join(cwd, "data"))).toBe(manifest);
        expect(readFileSync(join(cwd, "lockkeeper.toml"), "utf8")).toBe(config);
        if (name === "init --from") expect(existsSync(join(folder, "db_manifest.json"))).toBe(false);
        if (existsSync(folder)) await expectClean(folder);
      }
      ledger.add({
        operation: name,
        fault: `${signal} at any step before its data moves`,
        outcome: `exit ${exit}, manifest byte for byte the same, locks free, no build left; the next command works`,
        count: before.length,
      });
    });

    test(`${signal} from there on: the switch is done, and exit 0 says so`, async () => {
      for (const failpoint of after) {
        const { folder, child, code } = await interrupted(failpoint, signal);
        expect({ failpoint, code }).toEqual({ failpoint, code: 0 });
        const document = JSON.parse(child.stdout()) as Record<string, unknown>;
        const { release, version } = manifestOf(folder);
        expect(document).toMatchObject({ outcome: "switched", release, version });
        const store = name === "init --from" ? storeIn(folder, { name: "fresh", basename: "source" }) : storeIn(folder);
        const { checks } = await checkRelease(store);
        expect(checks.filter((check) => check.status !== "pass")).toEqual([]);
        await expectClean(folder);
      }
      ledger.add({
        operation: name,
        fault: `${signal} at any step from there on`,
        outcome: "too late to turn back: the new release is out and whole, and exit 0 says so",
        count: after.length,
      });
    });
  }
});
