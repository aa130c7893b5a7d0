import type { ReleaseStoreOptions } from "../../src/release/open.ts";
import type { PublishResult } from "../../src/model/results.ts";
import type { BuildSource } from "../../src/release/store.ts";
import { startOperation, writeDatabase } from "../support/store.ts";

const rows = 20_000;

/** A release whose every row carries the build's tag, and that says itself how many rows it has. */
export function taggedBuild(tag: number): BuildSource {
  return { kind: "function", build: ({ path }) => writeDatabase(path, ...statements(tag)) };
}

/** Statements of the build that carries `tag`. */
export function statements(tag: number): [string, string] {
  const count = rows + tag;
  return [
    `CREATE TABLE t AS SELECT range + 1 AS n, ${tag} AS tag FROM range(${count})`,
    `CREATE TABLE meta AS SELECT ${tag} AS tag, ${count} AS rows`,
  ];
}

/** A process that publishes what `taggedBuild` makes, one release after another. */
export interface Publisher {
  publish(tag: number): Promise<PublishResult>;
}

/** Starts a publisher in a process of its own; it waits for whoever publishes at the same time. */
export function startPublisher(options: Partial<ReleaseStoreOptions>): Publisher {
  const child = startOperation(
    options,
    `
    const { createInterface } = await import("node:readline");
    for await (const line of createInterface({ input: process.stdin })) {
      const build = async ({ path }) => {
        const instance = await DuckDBInstance.create(path);
        const connection = await instance.connect();
        for (const statement of JSON.parse(line)) await connection.run(statement);
        connection.closeSync();
        instance.closeSync();
      };
      console.log("published " + JSON.stringify(await publish(store, { kind: "function", build }, { waitMs: 60_000 })));
    }`,
  );
  return {
    async publish(tag) {
      child.send(JSON.stringify(statements(tag)));
      return JSON.parse((await child.line("published ")).slice("published ".length)) as PublishResult;
    },
  };
}
