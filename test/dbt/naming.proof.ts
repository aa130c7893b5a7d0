import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { Dbt } from "../../examples/marts-dbt/demo/dbt.mjs";
import { writeParquet } from "../support/parquet.ts";
import { temporaryFolder, whenThrough } from "../support/temporary.ts";
import { namings, type Naming } from "./naming.ts";
import { rowsOf, runDbt, whyNoDbt } from "./support.ts";
import { startWarmDbt } from "./warm.ts";

/** A project with these models, each of which says its own name. */
function writeProject(folder: string, models: readonly Naming[]): void {
  const folders = new Map(
    models.flatMap(({ model, project }) => (project === undefined ? [] : [[dirname(model), project] as const])),
  );
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const settings = [...folders].map(([name, text]) => `    ${name}:\n      ${text}\n`).join("");
  write(
    "dbt_project.yml",
    `name: naming\nprofile: naming\nflags: {send_anonymous_usage_stats: false}\nmodels:\n  naming:\n    +materialized: external\n${settings}`,
  );
  write(
    "profiles.yml",
    `naming:\n  target: build\n  outputs:\n    build:\n      type: duckdb\n      path: "{{ env_var('DUCKDB_PATH') }}"\n      external_root: "{{ env_var('PARQUET_DIR') }}"\n`,
  );
  const described = models.flatMap(({ model, properties }) =>
    properties === undefined ? [] : [`  - name: ${nameOf(model)}\n    config:\n      ${properties}\n`],
  );
  const source = `sources:\n  - name: files\n    config: {meta: {external_location: "{{ env_var('PARQUET_DIR') }}/source/{name}.parquet"}}\n    tables: [name: words]\n`;
  write("models/schema.yml", `${source}models:${described.length > 0 ? `\n${described.join("")}` : " []\n"}`);
  for (const { model, config } of models)
    write(
      `models/${model}.sql`,
      `${config === undefined ? "" : `{{ config(${config}) }}\n`}select '${nameOf(model)}' as who, 1 as k\n`,
    );
}

function nameOf(model: string): string {
  return model.slice(model.indexOf("/") + 1);
}

describe.skipIf(whyNoDbt !== "")("where dbt-duckdb writes the file of an external model (FACTS 2.13)", () => {
  const through = whenThrough();
  let out: string;
  let said: string;
  let dbt: Dbt;

  beforeAll(async () => {
    dbt = await startWarmDbt(through);
    const folder = temporaryFolder(through);
    out = join(folder, "out");
    const whole = namings.filter(({ breaks }) => breaks !== true);
    writeProject(join(folder, "project"), whole);
    for (const { file } of whole)
      if (file !== undefined) mkdirSync(dirname(join(out, file.split("/k=")[0] ?? "")), { recursive: true });
    await writeParquet(join(out, "source/words.parquet"), "SELECT 'from_source' AS who");
    const { code, stdout } = await runDbt(["run", "--threads", "1"], { project: join(folder, "project"), folder: out, dbt });
    said = stdout;
    const fine = whole.filter(({ file }) => file !== undefined).length;
    expect([code, said]).toEqual([1, expect.stringContaining(`PASS=${fine} WARN=0 ERROR=${whole.length - fine} `)]);
  });

  test.each(namings.filter(({ file }) => file !== undefined))("$written", async ({ model, file = "" }) => {
    const rows = await rowsOf(`SELECT who FROM read_parquet('${join(out, file)}', hive_partitioning = true)`);
    // Of two models in one file the later one is there.
    expect(rows).toEqual([model === "literal/first" ? "second" : nameOf(model)]);
  });

  test("two models that share a file show the same rows", async () => {
    const both = "SELECT first.who, second.who FROM main.first, main.second";
    expect(await rowsOf(both, join(out, "build.duckdb"))).toEqual(["second|second"]);
  });

  test("no file is where an ignored setting, or a missing folder, would have had it", () => {
    expect(["ignored", "missing"].filter((name) => existsSync(join(out, name)))).toEqual([]);
  });

  test.each(namings.filter(({ error, breaks }) => error !== undefined && breaks !== true))("$written", ({ model, error }) => {
    expect(said).toMatch(new RegExp(`in model ${nameOf(model)} [^]*${error}`));
  });

  test.each(namings.filter(({ breaks }) => breaks))("$written", async (naming) => {
    const folder = temporaryFolder();
    writeProject(join(folder, "project"), [naming]);
    const { code, stdout } = await runDbt(["parse"], { project: join(folder, "project"), folder: join(folder, "out"), dbt });
    expect([code, stdout]).toEqual([2, expect.stringContaining(naming.error ?? "")]);
  });
});

test("docs/dbt.md says of each what was tried here", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/dbt.md", import.meta.url)), "utf8");
  const table = /<!-- naming -->\n([^]*?)\n\n/.exec(page)?.[1];
  expect(table).toBe(
    ["| written | comes of it |", "|---|---|", ...namings.map(({ written, comes }) => `| ${written} | ${comes} |`)].join("\n"),
  );
});

test.runIf(whyNoDbt !== "")("where dbt-duckdb writes is not tried", () => {
  process.stdout.write(`skipped: ${whyNoDbt}\n`);
});
