// @ts-check
import { readFileSync, rmSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** The project's folder. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The compiled modules. */
export const dist = join(root, "dist");

/** Bundled, for they are small or always loaded; the other dependencies are loaded from where they are installed. */
const bundled = new Set(["commander", "picocolors", "smol-toml", "zod"]);

/**
 * Puts compiled modules, with what they import, into a few files: Node takes about a millisecond to find and link a module, and there are three hundred of them. Tells the modules that went in.
 *
 * @param {Record<string, string>} entries a module each; `folder/<name>.js` exports what it exports
 * @param {string} folder emptied first
 */
export async function bundle(entries, folder) {
  const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  );
  const external = Object.keys(dependencies).filter((name) => !bundled.has(name));
  rmSync(folder, { recursive: true, force: true });
  const made = await rolldown({
    input: entries,
    platform: "node",
    external: external.map((name) => new RegExp(`^${name.replaceAll("/", String.raw`\/`)}(/|$)`)),
    plugins: [{ name: "places", transform: (code, id) => withPlaces(code, id, folder) }],
  });
  const { output } = await made.write({ dir: folder, format: "esm", chunkFileNames: "[name]-[hash].js" });
  await made.close();
  return output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
}

/**
 * A module finds its workers, the examples and package.json by where it lies, and goes on to do so.
 *
 * @param {string} code
 * @param {string} id
 * @param {string} folder
 */
function withPlaces(code, id, folder) {
  if (!id.startsWith(dist + sep) || !code.includes("import.meta.url")) return null;
  const place = relative(folder, id).split(sep).join("/");
  return { code: code.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`), map: null };
}
