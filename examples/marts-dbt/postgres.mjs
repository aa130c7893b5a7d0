// @ts-check
/**
 * Starts a PostgreSQL of its own with the app's data, prints how to find it, and goes on until Ctrl-C; then all of it is gone.
 *
 *   node postgres.mjs [--days 400] [--per-day 50] [--through 2026-10-31]
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startPostgres } from "../lib/postgres.mjs";
import { sqlFile, yesterday } from "./demo/source.mjs";

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "400" },
    "per-day": { type: "string", default: "50" },
    through: { type: "string", default: yesterday() },
  },
});
const cluster = await startPostgres();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.once(signal, () => void cluster.remove().then(() => process.exit(0)));
}
try {
  const variables = { days: values.days, per_day: values["per-day"], through: values.through };
  await cluster.runFiles([sqlFile("schema"), sqlFile("seed")], variables);
} catch (error) {
  await cluster.remove();
  throw error;
}
console.log(
  `export ${Object.entries(cluster.env)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")}`,
);
console.error(`Ctrl-C ends it. One day more: psql -f ${fileURLToPath(new URL("postgres/advance.sql", import.meta.url))}`);
