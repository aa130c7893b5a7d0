import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonOf } from "../cli/support/cli.ts";
import { martsWorkspace, runScenarios, whyNoDagster, type Recorded } from "./support.ts";

if (whyNoDagster !== "") process.stdout.write(`skipped: Dagster Pipes: ${whyNoDagster}\n`);

const refusal = {
  event: "[pipes] external process pipes closed with exception",
  name: "ReleaseRefused",
  message: expect.stringMatching(
    /^ReleaseRefused: marts: the build was refused[^]*rows_companies: companies has 1 rows; expected at least 2/,
  ),
};

/** The Python of the page, working in `folder` instead of the one that it names. */
function pageIn(folder: string): string {
  const page = readFileSync(fileURLToPath(new URL("../../docs/orchestrators.md", import.meta.url)), "utf8");
  const code = /```python\n(import dagster[^]*?)```/.exec(page)?.[1] ?? "";
  expect(code).toContain('cwd="/srv/marts"');
  const path = join(folder, "page.py");
  writeFileSync(path, code.replace("/srv/marts", folder));
  return path;
}

describe.skipIf(whyNoDagster !== "")("Dagster, which runs lockkeeper through its Pipes client", () => {
  let runs: ReadonlyMap<string, Recorded> = new Map();
  let stderr = "";
  let folder = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockkeeper-dagster-"));
    const env = martsWorkspace(folder);
    ({ runs, stderr } = await runScenarios(folder, { env, pages: [pageIn(folder)] }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function recorded(name: string): Recorded {
    const run = runs.get(name);
    if (run === undefined) throw new Error(`no run "${name}" among ${[...runs.keys()].join(", ")}`);
    return run;
  }

  it("records a release as a materialisation with its checks", () => {
    expect(recorded("out")).toMatchObject({
      status: "SUCCESS",
      failures: [],
      closed: [],
      assets: [
        {
          key: "marts",
          version: "r000001",
          metadata: {
            release: "r000001",
            version: 1,
            rows: { companies: 3, filings: 9 },
            url: "http://127.0.0.1:4711/v1/stores/marts/releases/r000001",
          },
        },
      ],
      checks: {
        opens: { passed: true, severity: "ERROR", ofThisRun: true },
        rows_companies: { passed: true, severity: "ERROR", message: "companies has 3 rows; expected at least 2" },
        rows_filings: { passed: false, severity: "WARN" },
        release_checks: { passed: false, severity: "WARN", message: "8 passed, 1 failed" },
        not_there: { passed: false, severity: "WARN" },
      },
    });
    expect(recorded("out").log).toContain("switch r000001");
    expect(recorded("out").log).toContain("marts now serves r000001 (version 1)");
  });

  it("does so for an asset without checks, for several assets, and in an op", () => {
    expect(recorded("no checks declared")).toMatchObject({ status: "SUCCESS", checks: {}, assets: [{ version: "r000002" }] });
    const { status, assets, checks } = recorded("several assets");
    expect(status).toBe("SUCCESS");
    expect(Object.fromEntries(assets.map(({ key, metadata }) => [key, metadata["dagster/row_count"]]))).toEqual({
      "db/Companies": 3,
      "db/filings": 9,
      web: undefined,
    });
    expect(checks).toMatchObject({
      rows_companies: { asset: "db/Companies", passed: true },
      opens: { asset: "web", passed: true },
    });
    expect(recorded("op")).toMatchObject({ status: "SUCCESS", assets: [], checks: {}, closed: [] });
  });

  it("records a refusal: its checks, no materialisation, a failed step, and why", () => {
    expect(recorded("refused")).toMatchObject({
      status: "FAILURE",
      assets: [],
      checks: {
        opens: { passed: true },
        rows_companies: { passed: false, severity: "ERROR", ofThisRun: false },
        release_checks: { passed: false, severity: "ERROR" },
      },
      failures: [expect.stringContaining("failed with code 3")],
      closed: [refusal],
    });
    expect(recorded("refused").checks).not.toHaveProperty("not_there");
  });

  it("records a build that fails, and words that do not fit, as a failed step with our exception", () => {
    expect(recorded("failed")).toMatchObject({
      status: "FAILURE",
      assets: [],
      checks: {},
      failures: [expect.stringContaining("failed with code 1")],
      closed: [{ name: "BUILD_FAILED", message: expect.stringContaining("the source is not there") }],
    });
    expect(recorded("not a command")).toMatchObject({
      status: "FAILURE",
      assets: [],
      failures: [expect.stringContaining("failed with code 2")],
      closed: [{ name: "USAGE" }],
    });
  });

  it("does the same from its command line, and keeps it", () => {
    expect(recorded("command line")).toMatchObject({
      exit: 0,
      status: "SUCCESS",
      assets: [{ key: "marts" }],
      checks: { rows_companies: { passed: true }, rows_filings: { passed: false, severity: "WARN" } },
    });
    const refused = recorded("command line, refused");
    expect(refused).toMatchObject({
      exit: 1,
      status: "FAILURE",
      assets: [],
      checks: { rows_companies: { passed: false } },
      closed: [refusal],
    });
    expect(refused.latest).toBe(recorded("command line").assets[0]?.version);
  });

  it("runs the page's definitions as they are; their refusal has a reason, and no checks", () => {
    expect(recorded("page")).toMatchObject({
      status: "SUCCESS",
      assets: [{ key: "marts" }],
      checks: { rows_companies: { passed: true }, release_checks: { severity: "WARN" } },
    });
    expect(recorded("page, refused")).toMatchObject({ status: "FAILURE", assets: [], checks: {}, closed: [refusal] });
  });

  it("finds nothing odd in a session: none without an end, nothing after it, no message that it cannot read", () => {
    for (const run of runs.values())
      expect(run.log.filter((line) => /unexpected message|did not receive/.test(line))).toEqual([]);
    expect(stderr).not.toContain("framework exception");
    expect(stderr).toContain("[pipes] external process successfully opened dagster pipes.");
  });

  it("has materialised every release, each in one run, and nothing else", async () => {
    const versions = [...runs.values()].map(({ assets }) => [...new Set(assets.map(({ version }) => version))]);
    const { document } = await jsonOf(["releases", "list", "marts"], { cwd: folder });
    const { releases } = document as { readonly releases: readonly { readonly release: string; readonly state: string }[] };
    const active = releases.find(({ state }) => state === "active")?.release;
    // The op has made one without an asset.
    expect(versions.flat()).toEqual(["r000001", "r000002", "r000003", "r000005", "r000006"]);
    expect(active).toBe("r000006");
  });
});
