// @ts-check
/**
 * Puts the command line into `dist/bin/`, so that a command starts in half the time. What else runs (workers, the library) runs from the modules in `dist/`, which stay as
 * they are.
 */
import { chmodSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, dist } from "./lib/bundle.mjs";

const folder = join(dist, "bin");
const modules = await bundle({ lockkeeper: join(dist, "cli/main.js") }, folder);
chmodSync(join(folder, "lockkeeper.js"), 0o755);
writeFileSync(join(folder, "LICENSES.txt"), licences(modules));

/**
 * The licences of what is bundled, which ask to go along.
 *
 * @param {string[]} ids
 */
function licences(ids) {
  const packages = new Set(ids.flatMap((id) => /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id)?.[1] ?? []));
  return [...packages]
    .toSorted()
    .map((place) => {
      const { name, version } = JSON.parse(readFileSync(join(place, "package.json"), "utf8"));
      const file = readdirSync(place).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`${name} has no licence file`);
      return `${name} ${version}\n\n${readFileSync(join(place, file), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
