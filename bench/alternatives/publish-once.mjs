// @ts-check
/**
 * One publish to be looked at from outside: `node publish-once.mjs WAY FOLDER SOURCE`, where SOURCE is a source as JSON. A build is put in place,
 * then the folder `marked` is made, then another build is put in place.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { builderOf } from "./measure.mjs";
import { openPublisher, ways } from "./ways.mjs";

const [name = "", folder = "", source = ""] = process.argv.slice(2);
const way = ways.find((one) => one.name === name);
if (!way) throw new Error(`there is no way named ${name}`);
const build = builderOf(way, JSON.parse(source));
const publisher = await openPublisher(way, folder);
await publisher.publish((target) => build(target, 0));
mkdirSync(join(folder, "marked"));
await publisher.publish((target) => build(target, 1));
await publisher.close?.();
