import { describe, expect, test } from "vitest";
import { codeLinesMax, fileSizes, functionLinesLimit, functionSizes, linesMax } from "./rules/size.ts";
import { sourceOf, sourcesBelow } from "./sources.ts";

const sources = sourcesBelow("src");

describe("files are small", () => {
  test("in src and test", () => {
    expect(fileSizes([...sources, ...sourcesBelow("test")])).toEqual([]);
  });

  test(`more than ${codeLinesMax} lines of code are refused; blank lines and comments do not count`, () => {
    const file = (lines: number) => sourceOf("src/model/a.ts", `/** Doc\n * doc */\n\n// why\n${"a();\n".repeat(lines)}`);
    expect(fileSizes([file(codeLinesMax)])).toEqual([]);
    expect(fileSizes([file(codeLinesMax + 1)])).toEqual([expect.stringContaining(`${codeLinesMax + 1} lines of code`)]);
  });

  test("the lines of a template and a closing brace count", () => {
    const text = `const a = \`\n${"x\n".repeat(codeLinesMax - 3)}\`;\nif (a) {\n}\n`;
    expect(fileSizes([sourceOf("src/model/a.ts", text)])).toEqual([expect.stringContaining("301 lines of code")]);
  });

  test(`more than ${linesMax} lines of any kind are refused`, () => {
    expect(fileSizes([sourceOf("src/model/a.ts", "// why\n".repeat(linesMax))])).toEqual([]);
    expect(fileSizes([sourceOf("src/model/a.ts", "// why\n".repeat(linesMax + 1))])).toHaveLength(1);
  });
});

describe("functions are small", () => {
  test("in src", () => {
    expect(functionSizes(sources)).toEqual([]);
  });

  test(`${functionLinesLimit} lines are refused`, () => {
    const ofLines = (count: number) => sourceOf("src/model/a.ts", `const f = () => {\n${"a();\n".repeat(count - 2)}};\n`);
    expect(functionSizes([ofLines(functionLinesLimit - 1)])).toEqual([]);
    expect(functionSizes([ofLines(functionLinesLimit)])).toEqual([expect.stringContaining(`${functionLinesLimit} lines`)]);
  });

  test.each([
    "function f(a, b, c, d) {}",
    "class A { constructor(a, b, c, d) {} }",
    "export interface A { f(a: 1, b: 2, c: 3, d: 4): void }",
    "export type F = (a: 1, b: 2, c: 3, d: 4) => void;",
    "const f = (a, b, c, ...d) => a;",
  ])("%s is refused", (text) => {
    expect(functionSizes([sourceOf("src/model/a.ts", text)])).toEqual([expect.stringContaining("4 inputs by position")]);
  });

  test("three are fine", () => {
    expect(functionSizes([sourceOf("src/model/a.ts", "function f(this: A, a, b, { c, d }) {}")])).toEqual([]);
  });

  test("what a foreign module takes is not ours to choose", () => {
    expect(functionSizes([sourceOf("src/model/a.ts", "interface Addon { f(a: 1, b: 2, c: 3, d: 4): void }")])).toEqual([]);
  });
});
