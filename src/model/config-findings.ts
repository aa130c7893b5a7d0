import { normalize } from "node:path";
import type { z } from "zod";
import { tokenConfigSchema } from "./access-token.ts";
import { checkSchema } from "./check.ts";
import {
  buildConfigSchema,
  configSchema,
  readerConfigSchema,
  readerLimitsSchema,
  releaseStoreConfigSchema,
  retentionConfigSchema,
  webhookConfigSchema,
  type Config,
} from "./config.ts";
import { datasetConfigSchema, datasetFilterSchema } from "./dataset.ts";
import type { Finding } from "./finding.ts";
import { idPattern } from "./names.ts";
import { didYouMean } from "./nearest.ts";
import { serveAlarmsSchema, serveConfigSchema, serveFaults, serveLimitsSchema } from "./serve-config.ts";

/** What `parseConfig` makes of a file: the configuration when no finding is an error, and every finding. */
export interface ParsedConfig {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
}

type Path = readonly (string | number)[];
type Issue = z.core.$ZodIssue;

/**
 * Keys of each table that are planned but not in this version. A path's `*` is a store's id or an index. A key that
 * is neither here nor in the schema is a mistake; a key that is here is refused by name, never ignored.
 */
const plannedKeys: Readonly<Record<string, readonly string[]>> = {
  "": ["vault"],
};

/** Values that are planned but not in this version. */
const plannedValues: Readonly<Record<string, readonly string[]>> = {
  "stores.*.kind": ["warehouse", "sqlite", "rolling", "runs"],
};

/** Checks a parsed TOML document. All faults are listed, not only the first; never throws for what the file says. */
export function parseConfig(document: unknown): ParsedConfig {
  const parsed = configSchema.safeParse(document);
  // A misspelt key first: the key it was meant to be is then missing too, which says less.
  const issues = parsed.success
    ? []
    : parsed.error.issues.toSorted((left, right) => Number(isUnknown(right)) - Number(isUnknown(left)));
  const planned = storesOfPlannedKind(document);
  const findings = [
    ...forbiddenKeys(document, []),
    ...issues.flatMap((issue) => findingsOf(issue, document)).filter((finding) => !belongsTo(finding, planned)),
    ...planned.map((id) => plannedValue(["stores", id, "kind"], valueAt(document, ["stores", id, "kind"]))),
  ];
  if (parsed.success) {
    findings.push(...sharedFolders(parsed.data));
    findings.push(...serveFaults(parsed.data).map(({ path, rest }) => invalid(path, rest)));
  }
  return { config: parsed.success && findings.length === 0 ? parsed.data : undefined, findings };
}

function isUnknown(issue: Issue): boolean {
  return issue.code === "unrecognized_keys";
}

function findingsOf(issue: Issue, document: unknown): Finding[] {
  const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys")
    return issue.keys.filter((key) => key !== "__proto__").map((key) => unknownKey(path, key, document));
  if (issue.code === "invalid_key" && path[0] === "tokens")
    return [invalid(path, "is no name of a claim; use 1 to 128 characters")];
  if (issue.code === "invalid_key" && path[4] === "filters") return [invalid(path, "is no name of a column")];
  if (issue.code === "invalid_key") {
    return [
      invalid(
        path,
        `is not ${path[2] === "datasets" ? "a dataset's id" : "a store id"}; use lower-case letters, digits, "_" and "-", at most 64 (${idPattern.source})`,
      ),
    ];
  }
  const value = valueAt(document, path);
  if (plannedValues[patternOf(path)]?.includes(String(value))) return [plannedValue(path, value)];
  if (value === undefined) return [missing(path, issue)];
  // An address may hold a password or a token, and what stands where a secret's variable should may be the secret.
  const isSecret = /^(stores\.\*\.webhooks(\.\*(\.(url|secret))?)?|tokens(\.\*(\.sha256)?)?)$/.test(patternOf(path));
  return [invalid(path, `${isSecret ? "cannot be used" : `is ${shown(value)}`}; ${ruleOf(issue, value)}`)];
}

function unknownKey(path: Path, key: string, document: unknown): Finding {
  if (plannedKeys[patternOf(path)]?.includes(key))
    return feature([...path, key], `${nameOf([...path, key])} is not in this version`);
  const known = [...keysAt(path, document), ...(plannedKeys[patternOf(path)] ?? [])];
  const question = didYouMean(key, known);
  return invalid(
    [...path, key],
    `is not a key of ${path.length === 0 ? "this file" : `[${nameOf(path)}]`}${question || `; known are ${known.join(", ")}`}`,
  );
}

/** The keys of the table at a path: asked of the schema, so that there is one list. */
function keysAt(path: Path, document: unknown): string[] {
  const tables: Readonly<Record<string, z.ZodObject>> = {
    "": configSchema,
    "stores.*": releaseStoreConfigSchema,
    "stores.*.reader": readerConfigSchema,
    "stores.*.reader.limits": readerLimitsSchema,
    "stores.*.build": buildConfigSchema,
    "stores.*.retention": retentionConfigSchema,
    "stores.*.webhooks.*": webhookConfigSchema,
    "stores.*.datasets.*": datasetConfigSchema,
    "stores.*.datasets.*.filters.*": datasetFilterSchema,
    serve: serveConfigSchema,
    "serve.limits": serveLimitsSchema,
    "serve.alarms": serveAlarmsSchema,
    "tokens.*": tokenConfigSchema,
  };
  const table =
    tables[patternOf(path)] ??
    checkSchema.options.find((option) => option.shape.check.value === valueAt(document, [...path, "check"]));
  return Object.keys(table?.shape ?? {});
}

function missing(path: Path, issue: Issue): Finding {
  const pattern = patternOf(path);
  const example: Readonly<Record<string, string>> = { format: "format = 1", "stores.*.kind": 'kind = "release"' };
  return invalid(path, `is missing; ${example[pattern] ? `say ${example[pattern]}` : ruleOf(issue, undefined)}`);
}

function plannedValue(path: Path, value: unknown): Finding {
  return feature(path, `${nameOf(path)} = ${shown(value)} is not in this version`);
}

function ruleOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.message.startsWith("must ")
        ? `it ${issue.message}`
        : `it must be ${typeNames[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `it must be ${issue.values.map((known) => JSON.stringify(known)).join(" or ")}${near(value, issue.values)}`;
    case "invalid_union":
      if (issue.message.startsWith("must ")) return `it ${issue.message}`;
      return `it must be ${checkNames.map((name) => JSON.stringify(name)).join(" or ")}${near(value, checkNames)}`;
    case "too_small":
      return issue.origin === "array" || issue.origin === "string"
        ? "it must not be empty"
        : `it must be at least ${issue.minimum}`;
    case "too_big":
      return `it must be at most ${issue.maximum}${unitNames[issue.origin] ?? ""}`;
    default:
      return issue.message.startsWith("must ") ? `it ${issue.message}` : issue.message;
  }
}

const checkNames = checkSchema.options.map((option) => option.shape.check.value);

const unitNames: Readonly<Record<string, string>> = { string: " characters", array: " entries" };

const typeNames: Readonly<Record<string, string>> = {
  object: "a table",
  record: "a table",
  array: "an array",
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

function near(value: unknown, known: readonly unknown[]): string {
  return typeof value === "string" ? didYouMean(value, known.map(String)) : "";
}

/** zod passes over a key of this name; TOML allows it. */
function forbiddenKeys(value: unknown, path: Path): Finding[] {
  if (typeof value !== "object" || value === null) return [];
  const own =
    Object.hasOwn(value, "__proto__") && !Array.isArray(value) ? [invalid([...path, "__proto__"], "cannot be a key")] : [];
  const inner = Object.keys(value).filter((key) => key !== "__proto__");
  return [...own, ...inner.flatMap((key) => forbiddenKeys((value as Record<string, unknown>)[key], [...path, key]))];
}

/** Stores of a kind that is planned: their other keys are not looked at, for they follow rules that are not here. */
function storesOfPlannedKind(document: unknown): string[] {
  const stores = valueAt(document, ["stores"]);
  if (typeof stores !== "object" || stores === null || Array.isArray(stores)) return [];
  return Object.keys(stores).filter((id) => plannedValues["stores.*.kind"]?.includes(String(valueAt(stores, [id, "kind"]))));
}

function belongsTo(finding: Finding, stores: readonly string[]): boolean {
  return stores.some(
    (id) => finding.subject === nameOf(["stores", id]) || finding.subject.startsWith(`${nameOf(["stores", id])}.`),
  );
}

function sharedFolders(config: Config): Finding[] {
  const owners = new Map<string, string>();
  return Object.entries(config.stores).flatMap(([id, store]) => {
    const folder = normalize(`${store.dir}/`);
    const owner = owners.get(folder);
    if (owner === undefined) owners.set(folder, id);
    return owner === undefined
      ? []
      : [invalid(["stores", id, "dir"], `is ${shown(store.dir)}, the folder of [stores.${owner}]; each store has its own`)];
  });
}

function invalid(path: Path, rest: string): Finding {
  return {
    code: "CONFIG_INVALID",
    severity: "error",
    ...storeOf(path),
    subject: nameOf(path),
    detail: `${nameOf(path) || "the file"} ${rest}`,
  };
}

function feature(path: Path, detail: string): Finding {
  return { code: "FEATURE_MISSING", severity: "error", ...storeOf(path), subject: nameOf(path), detail };
}

function storeOf(path: Path): { store?: string } {
  return path[0] === "stores" && path.length > 1 ? { store: String(path[1]) } : {};
}

function patternOf(path: Path): string {
  return path.map((part, index) => (typeof part === "number" || isName(path, index) ? "*" : part)).join(".");
}

/** Whether a part of a path is a name that the file gives: of a store, a dataset, a column. */
function isName(path: Path, index: number): boolean {
  if (path[0] !== "stores") return false;
  return index === 1 || (index === 3 && path[2] === "datasets") || (index === 5 && path[4] === "filters");
}

/** A key's path as people write it: `stores.holdings.checks[0].min`, quoted where TOML needs it. */
function nameOf(path: Path): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === "number") return `${name}[${part}]`;
    const key = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
    return name === "" ? key : `${name}.${key}`;
  }, "");
}

function valueAt(document: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    const inside = typeof value === "object" && value !== null && Object.hasOwn(value, part);
    return inside ? (value as Record<string | number, unknown>)[part] : undefined;
  }, document);
}

function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
