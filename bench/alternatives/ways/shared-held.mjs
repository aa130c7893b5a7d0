// @ts-check
/** The ETL writes the file that the app reads, and the app keeps it open. */
import { join } from "node:path";
import { openPool } from "../lib/pool.mjs";
import { answerWith } from "../question.mjs";

export { writeInPlace as openPublisher } from "../lib/publishers.mjs";

/** @type {import("../ways.mjs").OpenReader} */
export async function openReader(folder) {
  const pool = await openPool(join(folder, "data.duckdb"));
  return { ask: (between) => pool.use((firstRow) => answerWith(firstRow, { between })) };
}
