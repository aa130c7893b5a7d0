import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, dist, root } from "../../scripts/lib/bundle.mjs";
import { operationBundle, operationModules } from "./operation-modules.ts";

let folder: string | undefined;

/** Bundles what `startOperation` loads. A broken variant's processes load its modules instead. */
export async function setup(): Promise<void> {
  delete process.env[operationBundle];
  if (process.env["LOCKKEEPER_DIST"] !== undefined) return;
  mkdirSync(join(root, ".bundle"), { recursive: true });
  folder = mkdtempSync(join(root, ".bundle", "run-"));
  // Tests run processes as other users, too.
  chmodSync(folder, 0o755);
  const lines = Object.entries(operationModules).map(
    ([name, path]) => `export { ${name} } from ${JSON.stringify(join(dist, path))};\n`,
  );
  writeFileSync(join(folder, "entry.js"), lines.join(""));
  await bundle({ operation: join(folder, "entry.js") }, join(folder, "made"));
  process.env[operationBundle] = join(folder, "made/operation.js");
}

/** Removes it. */
export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
