// @ts-check
/** A build command: `node build.mjs TAG ORDERS ITEMS [fail | kill:MILLISECONDS]`. */
import { writeDatabase } from "../lib/data.mjs";

const [tag = 0, orders = 0, items = 0] = process.argv.slice(2, 5).map(Number);
const end = process.argv[5] ?? "";
if (end.startsWith("kill:")) setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(end.slice("kill:".length)));

await writeDatabase(process.env["DUCKDB_PATH"] ?? "", { tag, orders, items }, { half: end === "fail" });
process.exit(end === "fail" ? 3 : 0);
