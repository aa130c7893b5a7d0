import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startProgram, type Child } from "../../support/child.ts";
import { proofLedger } from "../ledger.ts";

const ledger = proofLedger("soak", "checker");
const root = fileURLToPath(new URL("../../../", import.meta.url));

function startSoak(words: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  return startProgram([process.execPath, join(root, "soak/run.mjs"), ...words], { cwd: root, env });
}

/** Waits for the end, which is to have that exit code; what the soak said is to be seen where it has another. */
async function endsWith(child: Child, code: number): Promise<void> {
  const end = await child.ended;
  expect(end.code === code ? "" : `${child.stdout()}${child.stderr()}`).toBe("");
  expect(end).toEqual({ code, signal: null });
}

/** The scratch folder that a soak named; removed when the test has finished, should it be kept. */
function folderOf(child: Child): string {
  const folder = /, in (.+); the seed/.exec(child.stderr())?.[1] ?? "";
  expect(folder).not.toBe("");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A figure of the summary. */
function figure(child: Child, name: string): number {
  const line = child.stdout().match(new RegExp(`^${name} +(\\d+)`, "m"));
  return Number(line?.[1] ?? "NaN");
}

/** The compiled sources with one line changed. */
function variant(name: string, file: string, [is, becomes]: readonly [string, string]): string {
  const dist = join(root, ".mutants", `soak-${name}`);
  onTestFinished(() => rmSync(dist, { recursive: true, force: true }));
  mkdirSync(dist, { recursive: true });
  cpSync(join(root, "dist"), dist, { recursive: true });
  const text = readFileSync(join(dist, file), "utf8");
  expect(text.split(is)).toHaveLength(2);
  writeFileSync(join(dist, file), text.replace(is, becomes));
  return dist;
}

test("a short soak finds nothing, says what it did and leaves nothing behind", async () => {
  const child = startSoak(["--minutes", "0.2", "--seed", "proof"]);
  await endsWith(child, 0);
  expect(child.stderr()).toContain("seed proof, 0.2 minutes");
  expect(figure(child, "violations")).toBe(0);
  expect(figure(child, "publishes")).toBeGreaterThan(1);
  expect(figure(child, "requests")).toBeGreaterThan(100);
  expect(figure(child, "switches seen")).toBeGreaterThan(1);
  expect(existsSync(folderOf(child))).toBe(false);
});

const variants = [
  {
    name: "stale",
    what: "requests that do not look at the manifest",
    file: "reader/follower.js",
    change: ["const wanted = this.#context.resolver.look();", "const wanted = this.#serving.sighting;"],
    rules: ["stale"],
  },
  {
    name: "refused",
    what: "a publish that does not mind what the checks found",
    file: "release/build/finish.js",
    change: ["if (refuses(checks)) {", "if (refuses([])) {"],
    rules: ["unexpected-result", "never-out"],
  },
] as const;

test.each(variants)("a soak catches $what", async ({ name, file, change, rules, what }) => {
  const dist = variant(name, file, change);
  // Of this seed each of the publisher's first lives begins with a build that is to be refused.
  const child = startSoak(["--minutes", "0.2", "--seed", "variant-852"], { LOCKKEEPER_DIST: dist });
  await endsWith(child, 1);
  expect(figure(child, "violations")).toBeGreaterThan(0);
  const folder = folderOf(child);
  expect(child.stderr()).toContain(`kept: ${folder}`);
  expect(child.stderr()).toContain("--seed variant-852");
  const found = readFileSync(join(folder, "violations.jsonl"), "utf8").trimEnd().split("\n");
  const caught = new Set(found.map((line) => (JSON.parse(line) as { rule: string }).rule));
  expect(rules.some((rule) => caught.has(rule))).toBe(true);
  ledger.add({ operation: "a soak of a broken variant", fault: what, outcome: "caught by the history checker", count: 1 });
});

test("Ctrl-C ends a soak in order, with the summary so far", async () => {
  const child = startSoak(["--minutes", "10"]);
  while (!child.stderr().includes("everybody is at work"))
    await new Promise((resolve) => child.process.stderr?.once("data", resolve));
  child.process.kill("SIGINT");
  await endsWith(child, 130);
  expect(figure(child, "violations")).toBe(0);
  expect(figure(child, "requests")).toBeGreaterThan(0);
  expect(existsSync(folderOf(child))).toBe(false);
});

test("minutes that are none are refused", async () => {
  const child = startSoak(["--minutes", "soon"]);
  expect(await child.ended).toMatchObject({ code: 1 });
  expect(child.stderr()).toContain("--minutes soon: how long to soak, a number above 0");
});
