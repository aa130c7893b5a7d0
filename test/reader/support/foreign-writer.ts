import { join } from "node:path";
import { startScript, type Child } from "../../support/child.ts";

/** How a program that is not ours replaces its manifest. `truncate`: `open(path, "w")`, then the bytes in two writes with a pause. */
export type ManifestStyle = "rename" | "truncate" | "unlink" | "in-place";

/** Rows of every table that a foreign writer builds: all hold its value. */
export const foreignRows = 20_000;

const script = (folder: string) => `
  import { once } from "node:events";
  import { createInterface } from "node:readline";
  import { existsSync, openSync, closeSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
  import { setTimeout as wait } from "node:timers/promises";
  import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
  const manifest = ${JSON.stringify(join(folder, "db_manifest.json"))};
  let held;
  const steps = {
    async build({ path, value, rename }) {
      const target = rename ? path + ".new" : path;
      const instance = await DuckDBInstance.create(target);
      const connection = await instance.connect();
      await connection.run("CREATE OR REPLACE TABLE t AS SELECT " + value + " AS value, range AS n FROM range(${foreignRows})");
      await connection.run("CHECKPOINT");
      connection.closeSync();
      instance.closeSync();
      if (rename) renameSync(target, path);
    },
    async hold({ path }) {
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      await connection.run("CREATE OR REPLACE TABLE half AS SELECT range AS n FROM range(1000)");
      held = { instance, connection };
    },
    async release({ value }) {
      await held.connection.run("CREATE OR REPLACE TABLE t AS SELECT " + value + " AS value, range AS n FROM range(${foreignRows})");
      await held.connection.run("CHECKPOINT");
      held.connection.closeSync();
      held.instance.closeSync();
    },
    async manifest({ style, body }) {
      const text = JSON.stringify(body);
      if (style === "rename") {
        writeFileSync(manifest + ".new", text);
        renameSync(manifest + ".new", manifest);
        return;
      }
      if (style === "unlink") {
        rmSync(manifest, { force: true });
        await wait(5);
      }
      if (style === "in-place") return writeFileSync(manifest, text, { flag: existsSync(manifest) ? "r+" : "w" });
      const descriptor = openSync(manifest, "w");
      await wait(5);
      writeSync(descriptor, text.slice(0, 9));
      await wait(5);
      writeSync(descriptor, text.slice(9));
      closeSync(descriptor);
    },
  };
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, step, ...what } = JSON.parse(line);
    try {
      await steps[step](what);
      console.log("done " + id + " ok");
    } catch (error) {
      console.log("done " + id + " " + String(error.message).split("\\n")[0]);
    }
  }
`;

/** An ETL in a process of its own that follows only the three-field manifest. Every step resolves with "ok" or DuckDB's message. */
export class ForeignWriter {
  readonly child: Child;
  readonly #folder: string;
  #steps = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.child = startScript(script(folder));
  }

  /** Path of a slot's file. */
  slot(slot: string): string {
    return join(this.#folder, `holdings_${slot}.duckdb`);
  }

  /** Writes a table `t` of `foreignRows` rows that all hold `value`, in place or by a rename over the path. */
  build(path: string, value: number, how: { readonly rename: boolean }): Promise<string> {
    return this.#do({ step: "build", path, value, ...how });
  }

  /** Opens a file for writing, begins, and stays in it. */
  hold(path: string): Promise<string> {
    return this.#do({ step: "hold", path });
  }

  /** Finishes what `hold` began. */
  release(value: number): Promise<string> {
    return this.#do({ step: "release", value });
  }

  manifest(style: ManifestStyle, active: string, version: number): Promise<string> {
    return this.#do({ step: "manifest", style, body: { active, version } });
  }

  async #do(what: object): Promise<string> {
    const id = ++this.#steps;
    this.child.send(JSON.stringify({ id, ...what }));
    const line = await this.child.line(`done ${id} `);
    return line.slice(`done ${id} `.length);
  }
}
