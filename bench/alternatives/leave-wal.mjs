// @ts-check
/** Leaves a WAL behind: `node leave-wal.mjs FILE` adds rows to a build's filings and ends as a killed process does. */
import { DuckDBInstance } from "@duckdb/node-api";
import { quarter } from "./question.mjs";

const instance = await DuckDBInstance.create(process.argv[2]);
const connection = await instance.connect();
await connection.run(`INSERT INTO filings FROM filings WHERE quarter = '${quarter}' LIMIT 1000`);
process.kill(process.pid, "SIGKILL");
