import ts from "typescript";
import { nodesOf, placeOf, type Source } from "../sources.ts";

interface GlobalRule {
  /** A name, or `object.member`. */
  readonly names: readonly string[];
  readonly allowed: RegExp;
  readonly why: string;
}

const globalRules: readonly GlobalRule[] = [
  {
    names: ["setTimeout"],
    // The client runs in browsers, without the platform.
    allowed: /^src\/(platform|client)\//,
    why: "timers go through the platform",
  },
  {
    names: ["setInterval", "setImmediate", "process.kill"],
    allowed: /^src\/platform\//,
    why: "timers and signals go through the platform",
  },
  { names: ["fetch"], allowed: /^src\/(platform|client)\//, why: "requests go through the platform" },
  {
    names: ["console", "process.stdout", "process.stderr", "process.exit", "process.exitCode", "process.abort"],
    // The engine's workers are programs of their own: standard output is how they answer.
    allowed: /^src\/(cli\/|engine\/\w+\/[\w-]*worker[\w-]*\.ts$)/,
    why: "only the command line prints or ends the process",
  },
];

/** Uses of globals outside their home. */
export function globalHomes(sources: readonly Source[]): string[] {
  const violations: string[] = [];
  for (const source of sources) {
    const rules = globalRules.filter(({ allowed }) => !allowed.test(source.path));
    for (const node of nodesOf(source.tree)) {
      const name = nameOf(node);
      const rule = name === undefined ? undefined : rules.find(({ names }) => names.includes(name));
      if (rule) violations.push(`${placeOf(source, node)}: ${name}: ${rule.why}`);
    }
  }
  return violations;
}

function nameOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const object = node.expression.text;
    if (object === "globalThis") return node.name.text;
    return object === "process" ? `process.${node.name.text}` : undefined;
  }
  if (!ts.isIdentifier(node) || isMemberName(node)) return undefined;
  return node.text;
}

/** `clock.setTimeout` and `{ setTimeout() {} }` are somebody else's. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  return (
    (ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isPropertyAssignment(parent)) && parent.name === node
  );
}
