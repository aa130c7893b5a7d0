import { importsOf, placeOf, type Source } from "../sources.ts";

/** The folders of `src/`, lowest first. A file imports from its own folder and from lower ranks only. `doors` are the files of `src/` itself. */
export const ranks: readonly (readonly string[])[] = [
  ["errors"],
  ["model"],
  ["client"],
  ["platform"],
  ["engine"],
  ["release", "reader"],
  ["workspace"],
  ["server"],
  ["cli"],
  ["doors"],
];

/** Imports that go upwards, sideways, or to a folder without a rank. */
export function importDirection(sources: readonly Source[]): string[] {
  const violations: string[] = [];
  for (const source of sources) {
    const from = layerOf(source.path);
    if (rankOf(from) < 0)
      violations.push(`${source.path}: folder "${from}" has no rank; give it one in test/house/rules/imports.ts`);
    for (const { module, node } of importsOf(source)) {
      if (!module.startsWith("src/")) continue;
      const to = layerOf(module);
      if (to === from || rankOf(to) < rankOf(from)) continue;
      violations.push(`${placeOf(source, node)}: ${from} must not import ${to} (${module})`);
    }
  }
  return violations;
}

interface PackageRule {
  readonly modules: RegExp;
  readonly allowed: RegExp;
  /** Only as `import()` or as a type, so that starting up does not pay for it. */
  readonly lazy?: boolean;
  readonly why: string;
}

const packageRules: readonly PackageRule[] = [
  {
    modules: /^(node:)?(fs|child_process|timers|worker_threads|cluster|net|http|https|dgram)(\/.*)?$/,
    allowed: /^src\/platform\//,
    why: "only the platform touches files, processes and timers, so that a crash model can stand in for it",
  },
  { modules: /^fs-native-extensions$/, allowed: /^src\/platform\//, why: "kernel locks belong to the platform" },
  {
    modules: /^@duckdb\//,
    allowed: /^src\/engine\/duckdb\//,
    lazy: true,
    why: "only the engine knows the driver, and loading it costs 180 ms",
  },
  {
    modules: /^better-sqlite3$/,
    allowed: /^src\/engine\/sqlite\//,
    lazy: true,
    why: "only the engine knows the driver, which need not be installed",
  },
  { modules: /^(commander|picocolors)$/, allowed: /^src\/cli\//, why: "only the command line parses arguments and paints" },
  { modules: /^smol-toml$/, allowed: /^src\/workspace\//, why: "only the workspace reads the configuration file" },
  {
    // A door's own options are the one shape that belongs beside its user.
    modules: /^zod$/,
    allowed:
      /^src\/(model|workspace|cli)\/|^src\/client\/types\.ts$|\/options\.ts$|^src\/server\/(route|openapi|rows|routes\/\w+)\.ts$/,
    why: "schemas live in the model; the server's routes are checked and described by them",
  },
  { modules: /^(hono|@hono\/[\w-]+)(\/.*)?$/, allowed: /^src\/server\//, why: "only the server speaks HTTP" },
  {
    modules: /^(pino|prom-client)$/,
    allowed: /^src\/server\//,
    lazy: true,
    why: "only the server logs and counts, and who mounts its routes need not pay for either",
  },
];

/** The plain modules of Node that compute and touch nothing; what else the model may import is ours or zod. */
const pureBuiltins = /^node:(path|crypto|url|util|assert)$/;

/** Packages and built-in modules imported where they do not belong. */
export function packageHomes(sources: readonly Source[]): string[] {
  const violations: string[] = [];
  for (const source of sources) {
    for (const { module, node, lazy, types } of importsOf(source)) {
      const place = placeOf(source, node);
      for (const rule of packageRules.filter(({ modules }) => modules.test(module))) {
        if (!rule.allowed.test(source.path)) violations.push(`${place}: ${module}: ${rule.why}`);
        else if (rule.lazy && !lazy && !types) violations.push(`${place}: ${module} is imported at once: ${rule.why}`);
      }
      if (/^src\/client[./]/.test(source.path) && !clientMay(module, types))
        violations.push(`${place}: ${module}: the client runs in browsers: types of the model, and its own folder`);
      const pure = source.path.startsWith("src/model/") || source.path.startsWith("src/errors/");
      if (pure && module.startsWith("node:") && !pureBuiltins.test(module))
        violations.push(`${place}: ${module}: errors and model do no I/O`);
    }
  }
  return violations;
}

function clientMay(module: string, types: boolean): boolean {
  return module.startsWith("src/client/") || (types && (module.startsWith("src/model/") || module === "zod"));
}

function layerOf(path: string): string {
  const [, folder = "", rest] = path.split("/");
  return rest === undefined ? "doors" : folder;
}

function rankOf(layer: string): number {
  return ranks.findIndex((row) => row.includes(layer));
}
