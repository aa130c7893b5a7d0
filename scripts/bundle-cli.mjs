// @ts-check
/**
 * Puts the command line into a few files, `dist/bin/`: Node takes about a millisecond to find and link a module, and a command needs three hundred of them. What else runs
 * (workers, the library) runs from the modules in `dist/`, which stay as they are.
 */
import { chmodSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");
const folder = join(dist, "bin");

/** Bundled, for it is small or loaded by every command; the other dependencies are loaded from where they are installed. */
const bundled = new Set(["commander", "picocolors", "smol-toml", "zod"]);

const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
  JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
);
const external = Object.keys(dependencies).filter((name) => !bundled.has(name));

rmSync(folder, { recursive: true, force: true });
const bundle = await rolldown({
  input: { lockkeeper: join(dist, "cli/main.js") },
  platform: "node",
  external: external.map((name) => new RegExp(`^${name.replaceAll("/", "\\/")}(/|$)`)),
  plugins: [{ name: "places", transform: withPlaces }],
});
const { output } = await bundle.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
await bundle.close();
chmodSync(join(folder, "lockkeeper.js"), 0o755);
writeFileSync(join(folder, "LICENSES.txt"), licences(output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []))));

/**
 * A module finds its workers, the examples and package.json by where it lies, and goes on to do so.
 *
 * @param {string} code
 * @param {string} id
 */
function withPlaces(code, id) {
  if (!id.startsWith(dist + sep) || !code.includes("import.meta.url")) return null;
  const place = relative(folder, id).split(sep).join("/");
  return { code: code.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`), map: null };
}

/**
 * The licences of what is bundled, which ask to go along.
 *
 * @param {string[]} modules
 */
function licences(modules) {
  const packages = new Set(
    modules.flatMap((id) => /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id)?.[1] ?? []),
  );
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
