// @ts-check
/**
 * A lone cold open: no load, one instance created over the file and its first answer. Prints milliseconds as JSON.
 *
 *   node cold-open.mjs FILE COUNT
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { question } from "../peers/question.mjs";
import { timed } from "./statistics.mjs";

const [file = "", count = "9"] = process.argv.slice(2);
/** @type {number[]} */
const times = [];
for (let round = 0; round < Number(count); round++) {
  times.push(
    await timed(async () => {
      const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
      const connection = await instance.connect();
      (await connection.runAndReadAll(question("flights"))).getRowsJson();
      connection.closeSync();
      instance.closeSync();
    }),
  );
}
process.stdout.write(JSON.stringify(times));
