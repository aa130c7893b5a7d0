import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openWorkspace } from "../../src/workspace/workspace.ts";
import { servedFolder, startServe } from "../server/support/process.ts";
import { distUrl, startProgram } from "../support/child.ts";
import { writeParquet } from "../support/parquet.ts";

const publishes = 50;
const script = fileURLToPath(new URL("dataset-clients.mjs", import.meta.url));

const config = `format = 1
[serve]
log = "warn"
[stores.marts]
kind = "release"
dir = "data/marts"
artifacts = [{ kind = "parquet", path = "mart", schema = "mart" }]
retention = { keep = 5, within = "1h" }
reader = { limits = { releases = 16 } }
[stores.marts.datasets.one]
[stores.marts.datasets.two]
`;

interface Report {
  readonly pairs: number;
  readonly borrowed: number;
  readonly failed: readonly string[];
  readonly partial: readonly unknown[];
  readonly straddled: readonly unknown[];
  readonly untrue: readonly unknown[];
  readonly seen: Readonly<Record<string, { readonly tag: number; readonly versions: readonly string[] }>>;
}

test(
  `pairs of datasets under an 8-way load during ${publishes} publishes: nothing failed, partial or of two releases, every header true`,
  { timeout: 600_000 },
  async () => {
    const { folder, remove } = await servedFolder({ "lockkeeper.toml": config }, {});
    onTestFinished(remove);
    const workspace = await openWorkspace({ config: join(folder, "lockkeeper.toml") });
    onTestFinished(() => workspace.close());
    const published = new Map<string, { readonly tag: number; readonly version: string }>();
    const out = async (tag: number) => {
      const { release = "", version } = await workspace.publish("marts", async ({ dir }) => {
        for (const [name, rows] of [
          ["one", 500 + tag],
          ["two", 900 - tag],
        ] as const)
          await writeParquet(
            join(dir, "mart", `${name}.parquet`),
            `SELECT range AS n, ${tag} AS tag, ${rows} AS rows FROM range(${rows})`,
          );
      });
      published.set(release, { tag, version: String(version) });
    };
    await out(1);
    const server = await startServe(folder);
    const clients = startProgram([
      process.execPath,
      script,
      JSON.stringify({
        url: server.url,
        reader: distUrl("workspace/open-reader.js"),
        options: { dir: join(folder, "data/marts"), basename: "marts" },
        loops: 8,
        pauseMs: 20,
      }),
    ]);
    await clients.line("ready");
    for (let tag = 2; tag <= publishes + 1; tag += 1) await out(tag);
    clients.send("stop");
    const report = JSON.parse((await clients.line("report ")).slice("report ".length)) as Report;
    server.process.kill("SIGTERM");
    expect((await server.ended).code).toBe(0);
    expect([report.failed, report.partial, report.straddled, report.untrue]).toEqual([[], [], [], []]);
    for (const [release, { tag, versions }] of Object.entries(report.seen)) {
      const { tag: made, version } = published.get(release) ?? { tag: -1, version: "" };
      expect([release, tag, versions]).toEqual([release, made, [version]]);
    }
    expect(Object.keys(report.seen).length).toBeGreaterThan(publishes / 2);
    process.stdout.write(
      `${publishes} publishes: ${report.pairs} pairs of datasets over HTTP, ${report.borrowed} in a borrow, ${Object.keys(report.seen).length} releases seen, 0 failed, 0 partial, 0 of two releases\n`,
    );
  },
);
