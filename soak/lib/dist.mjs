// @ts-check
import { fileURLToPath, pathToFileURL } from "node:url";

/** What is soaked: the compiled sources, or a broken variant of them that the checker must catch. */
const compiled = process.env["LOCKKEEPER_DIST"];
const dist = compiled === undefined ? new URL("../../dist/", import.meta.url) : pathToFileURL(`${compiled}/`);

/** The library: `openReader` and `openWorkspace`. */
export const libraryUrl = new URL("index.js", dist).href;

/** Path of the command line's entry; of a broken variant its modules, which are not bundled. */
export const binPath = fileURLToPath(new URL(compiled === undefined ? "bin/lockkeeper.js" : "cli/main.js", dist));
