import { startScript } from "../../../support/child.ts";

/** A process that has the database open for writing; what it returns lets it end. */
export async function startWriter(path: string): Promise<() => Promise<void>> {
  const child = startScript(`
    import { DuckDBInstance } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
    const instance = await DuckDBInstance.create(${JSON.stringify(path)});
    console.log("inside");
    process.stdin.once("data", () => {
      instance.closeSync();
      process.exit(0);
    });
  `);
  await child.line("inside");
  return async () => {
    child.send("end");
    await child.ended;
  };
}
