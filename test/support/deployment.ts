import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** Where the images and their services are described, relative to the repository. */
export const containersFolder = "deploy/containers";

/** A mount of a service. `source` as the file has it: a path from the file's folder, or a volume's name. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly bind: boolean;
}

/** What the tests and proofs ask of a service of `compose.yaml`. */
export interface Service {
  readonly name: string;
  readonly image: string;
  /** The stage of the Dockerfile; `undefined` for an image of others. */
  readonly target: string | undefined;
  readonly hostname: string;
  readonly user: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Folders in memory: the only writable ones beside the mounts. */
  readonly memoryFolders: readonly string[];
  readonly graceMs: number;
  /** The service as the file has it, merges done. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** The services of `deploy/containers/compose.yaml`. */
export function composeServices(): readonly Service[] {
  const { services } = parse(read("compose.yaml"), { merge: true }) as { readonly services: Record<string, Raw> };
  return Object.entries(services).map(([name, raw]) => serviceOf(name, raw));
}

/** One of them. Throws where the file has none of that name. */
export function composeService(name: string): Service {
  const service = composeServices().find((each) => each.name === name);
  if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return service;
}

interface Raw {
  readonly image: string;
  readonly build?: { readonly target: string };
  readonly hostname?: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly (string | RawMount)[];
  readonly tmpfs?: readonly string[];
  readonly stop_grace_period?: string;
}

interface RawMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

function serviceOf(name: string, raw: Raw): Service {
  return {
    name,
    image: raw.image,
    target: raw.build?.target,
    hostname: raw.hostname ?? "",
    user: raw.user ?? "",
    command: raw.command ?? [],
    environment: raw.environment ?? {},
    mounts: (raw.volumes ?? []).map(mountOf),
    memoryFolders: (raw.tmpfs ?? []).map((text) => text.split(":")[0] ?? ""),
    graceMs: Number(/^(\d+)s$/.exec(raw.stop_grace_period ?? "")?.[1]) * 1000,
    raw: { ...raw },
  };
}

/** `source:target[:ro]`, or the long form. A variable with a default means its default. */
function mountOf(mount: string | RawMount): Mount {
  if (typeof mount !== "string") {
    const { type, source, target, read_only: readOnly = false } = mount;
    return { source: source.replace(/^\$\{\w+:-(.*)\}$/, "$1"), target, readOnly, bind: type === "bind" };
  }
  const [source = "", target = "", access] = mount.split(":");
  return { source, target, readOnly: access === "ro", bind: source.startsWith(".") };
}

/** A line of the Dockerfile: an instruction with its words, and the stage it stands in. */
export interface Instruction {
  readonly stage: string;
  readonly name: string;
  readonly text: string;
}

/** The Dockerfile's instructions, continued lines put together, `ARG`s with a default filled in. */
export function dockerfile(): readonly Instruction[] {
  const lines = read("Dockerfile")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const values = new Map<string, string>();
  let stage = "";
  return lines.map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    const text = rest.replaceAll(/\$\{(\w+)\}/g, (all, key: string) => values.get(key) ?? all);
    const [, key, value] = name === "ARG" ? (/^(\w+)=(.*)$/.exec(text) ?? []) : [];
    if (key !== undefined && value !== undefined) values.set(key, value);
    if (name === "FROM") stage = / AS (\w+)$/.exec(text)?.[1] ?? "";
    return { stage, name, text };
  });
}

/** What a `COPY` takes out of the checkout, and where to: paths of the repository; nothing for one from another stage. */
export function copiedFiles({ text }: Instruction): readonly { readonly source: string; readonly target: string }[] {
  const words = text.split(" ");
  if (words[0]?.startsWith("--from=")) return [];
  const target = words.at(-1) ?? "";
  const several = target.endsWith("/") || target === ".";
  return words
    .slice(0, -1)
    .map((source) => ({ source, target: several ? posix.join(target, posix.basename(source)) : posix.normalize(target) }));
}

/** The variables that an image sets, those of the image it is made from among them. PATH is left out. */
export function imageEnvironment(stage: string): Readonly<Record<string, string>> {
  const lines = dockerfile();
  const from = lines.find((each) => each.stage === stage && each.name === "FROM")?.text.split(" ")[0] ?? "";
  const inherited = lines.some((each) => each.stage === from) ? imageEnvironment(from) : {};
  const own = lines.filter((each) => each.stage === stage && each.name === "ENV").flatMap(({ text }) => text.split(" "));
  const pairs = own.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const);
  return { ...inherited, ...Object.fromEntries(pairs.filter(([name]) => name !== "PATH")) };
}

/** A file beside the Dockerfile. */
function read(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${containersFolder}/${name}`, import.meta.url)), "utf8");
}
