import type { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Renderer } from "./renderer.ts";
import type { Style } from "./style.ts";

/** Results and errors for people: `output` colours stdout, `errors` stderr. */
export function textRenderer(output: Style, errors: Style): Renderer {
  return {
    report: (report) => `${report.text(output)}\n`,
    item: (item) => `${item.text(output)}\n`,
    error: (error, exit) => errorText(error, { exit, style: errors }),
  };
}

/** What happened, every finding where there are several, what to do next, and the exit code. */
function errorText(error: LockkeeperError, { exit, style }: { readonly exit: number; readonly style: Style }): string {
  const findings = (error.findings?.length ?? 0) > 1 ? (error.findings ?? []) : [];
  const lines = [
    `${style.red("error")} ${style.bold(error.code)}: ${printable(error.message)}`,
    ...findings.map((finding) => `  - ${printable(finding.detail)}`),
    ...(error.hint ? [`  ${printable(error.hint)}`] : []),
    style.dim(`exit ${exit}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** Text with what could steer a terminal made visible: names and messages come from files that others wrote. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** How a table is laid out. */
export interface TableOptions {
  readonly style: Style;
  /** Columns, counted from 0, that are aligned to the right. */
  readonly right?: ReadonlySet<number>;
}

/** Lines of aligned columns under a head; two spaces between, none at the end of a line. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { style, right }: TableOptions,
): string[] {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => cells.reduce((width, row) => Math.max(width, widthOf(row[column] ?? "")), 0));
  return cells.map((row, index) => {
    const padded = row.map((cell, column) => {
      const gap = " ".repeat((widths[column] ?? 0) - widthOf(cell));
      return right?.has(column) ? gap + cell : cell + gap;
    });
    const line = padded.join("  ").trimEnd();
    return index === 0 ? style.dim(line) : line;
  });
}

const segmenter = new Intl.Segmenter();

/** Characters as people count them; plain ASCII, which most cells are, is not segmented. */
function widthOf(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : [...segmenter.segment(text)].length;
}

/** `1 table`, `2 tables`, `1,234 rows`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
