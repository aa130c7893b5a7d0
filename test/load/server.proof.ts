import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { startCli } from "../cli/support/cli.ts";
import { startProgram } from "../support/child.ts";
import { writeDatabase } from "../support/store.ts";
import { temporaryFolder } from "../support/temporary.ts";

const switches = 200;
const script = fileURLToPath(new URL("http-clients.mjs", import.meta.url));

const config = `format = 1
[serve]
listen = "127.0.0.1:0"
log = "warn"
[stores.holdings]
kind = "release"
dir = "data/holdings"
retention = { keep = 3 }
queries = "queries/*.sql"
`;

interface HttpReport {
  readonly requests: number;
  readonly notModified: number;
  readonly failed: readonly unknown[];
  readonly mixed: readonly unknown[];
  readonly backwards: readonly unknown[];
  readonly unlike: readonly unknown[];
  readonly seen: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly events: readonly { readonly id: number; readonly type: string; readonly release: string; readonly version: number }[];
}

function workspaceFolder(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "queries"));
  writeFileSync(join(folder, "lockkeeper.toml"), config);
  writeFileSync(
    join(folder, "queries", "pair.sql"),
    "SELECT (SELECT max(tag) FROM left) AS first, (SELECT max(tag) FROM right) AS second\n"
      .replaceAll("left", '"left"')
      .replaceAll("right", '"right"'),
  );
  return folder;
}

test(
  `${switches} switches under an 8-way load over HTTP: nothing failed, nothing mixed, each ETag one body, each event once and in order`,
  { timeout: 1_200_000 },
  async () => {
    const folder = workspaceFolder();
    const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
    onTestFinished(() => workspace.close());
    const tagOf = new Map<string, number>();
    const tagOfRelease = new Map<string, number>();
    const out = async (tag: number) => {
      const { release = "", version } = await workspace.publish("holdings", ({ path }) =>
        writeDatabase(
          path,
          `CREATE TABLE "left" AS SELECT range AS n, ${tag} AS tag FROM range(20000)`,
          `CREATE TABLE "right" AS SELECT range AS n, ${tag} AS tag FROM range(${5_000 + tag})`,
        ),
      );
      tagOfRelease.set(release, tag);
      tagOf.set(`${release} ${version}`, tag);
      return { release, version };
    };
    await out(1);
    const server = startCli(["serve", "--json"], { cwd: folder });
    const { url } = JSON.parse(await server.line('{"schema":"lockkeeper/serve@1"')) as { url: string };
    const clients = startProgram([process.execPath, script, JSON.stringify({ url, store: "holdings", loops: 8, pauseMs: 10 })]);
    await clients.line("ready");
    const expected: unknown[] = [];
    for (let step = 2; step <= switches + 1; step += 1) {
      if (step % 10 === 0) {
        const { release, version } = await workspace.rollback("holdings");
        tagOf.set(`${release} ${version}`, tagOfRelease.get(release) ?? -1);
        expected.push(["release.switched", release, version]);
      } else {
        const { release, version } = await out(step);
        expected.push(["release.switched", release, version]);
      }
    }
    const last = expected.length + 1;
    await expect
      .poll(async () => (await fetch(`${url}/v1/stores/holdings/tables`)).headers.get("Data-Version"), { timeout: 30_000 })
      .toBe(String(last));
    clients.send(`stop ${last}`);
    const report = JSON.parse((await clients.line("report ")).slice("report ".length)) as HttpReport;
    server.process.kill("SIGTERM");
    expect((await server.ended).code).toBe(0);

    expect(report.failed).toEqual([]);
    expect(report.mixed).toEqual([]);
    expect(report.backwards).toEqual([]);
    expect(report.unlike).toEqual([]);
    for (const [release, tags] of Object.entries(report.seen)) {
      expect([release, Object.keys(tags)]).toEqual([release, [String(tagOf.get(release))]]);
    }
    expect(Object.keys(report.seen).length).toBeGreaterThan(switches * 0.8);
    expect(report.events.map(({ type, release, version }) => [type, release, version])).toEqual(expected);
    expect(report.notModified).toBeGreaterThan(0);
    process.stdout.write(
      `${switches} switches over HTTP: ${report.requests} requests of 8 clients (${report.notModified} not modified), ${Object.keys(report.seen).length} versions seen, 0 failed, 0 mixed\n`,
    );
  },
);
