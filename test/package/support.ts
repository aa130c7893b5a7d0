import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../house/sources.ts";

/** A project with the package installed from what `npm pack` makes of this folder. The caller removes it. */
export interface InstalledPackage {
  readonly folder: string;
  /** The command that `npx lockkeeper` runs. */
  readonly bin: string;
  remove(): void;
}

/** npm as it is, without what the npm that runs the tests has told its children. */
function npm(words: readonly string[], cwd: string): string {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_(?:lifecycle|package|command|execpath)/.test(name));
  const options = { cwd, encoding: "utf8", env: Object.fromEntries(own), timeout: 300_000 } as const;
  const { status, stdout, stderr, error } = spawnSync("npm", words, options);
  if (status === 0) return stdout;
  throw new Error(`npm ${words.join(" ")}: ${error?.message ?? stderr}`);
}

function findReason(): string {
  try {
    npm(["view", "hono@4", "version", "--fetch-retries=0", "--fetch-timeout=20000"], root);
    return "";
  } catch (error) {
    const [first = "", second = ""] = String(error).split("\n");
    return `no npm registry answers, and the package's dependencies come from one: ${first} ${second}`.trim();
  }
}

let reason: string | undefined;

/** Why no package can be installed here; empty where one can. Printed, too, once. */
export function whyNoRegistry(): string {
  if (reason !== undefined) return reason;
  reason = findReason();
  if (reason !== "") process.stdout.write(`skipped: the installed package: ${reason}\n`);
  return reason;
}

/** Packs this folder and installs the tarball into an empty project of a kind, together with other packages by name. */
export function installPackage(type: "module" | "commonjs", others: readonly string[] = []): InstalledPackage {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-package-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    npm(["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], root);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "no tarball";
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "project", private: true, type }));
    npm(["install", "--no-audit", "--no-fund", `./${tarball}`, ...others], folder);
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, bin: join(folder, "node_modules/.bin/lockkeeper"), remove };
}

/** The flights of the demo, of this folder's own `vega-datasets`. */
export const flights = join(root, "node_modules/vega-datasets/data/flights-3m.parquet");
