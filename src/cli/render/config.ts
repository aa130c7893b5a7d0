import { isList, isTable, ShownDuration, ShownSecret, ShownSize, ShownVariable, type View } from "../../model/config-view.ts";
import { formatDuration, formatSize } from "../../model/units.ts";
import type { ShownConfig } from "../../workspace/config-show.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

const namedByText = {
  "--config": "named by --config",
  LOCKKEEPER_CONFIG: "named by LOCKKEEPER_CONFIG",
  search: "the nearest upwards from the working folder",
} as const;

/** `config show`: where the file lies, then its content in its own language. What may not be shown, or is not set, stands behind `#`. */
export function configText({ path, namedBy, view }: ShownConfig, style: Style): string {
  const lines = isTable(view) ? tableLines(view, [], style) : [];
  return [style.dim(`# ${printable(path)}, ${namedByText[namedBy]}`), ...lines].join("\n");
}

interface Table {
  readonly [key: string]: View;
}

/** Values first: in TOML what follows a table's head belongs to it. */
function tableLines(table: Table, path: readonly string[], style: Style): string[] {
  const entries = Object.entries(table);
  const values = entries.filter(([, view]) => !isTable(view) && !isTables(view));
  const inner = entries.flatMap(([key, view]) => {
    const below = [...path, key];
    if (isTable(view)) return [...headLines(view, below, style), ...tableLines(view, below, style)];
    if (!isTables(view)) return [];
    return view.flatMap((item) => ["", style.bold(`[[${nameOf(below)}]]`), ...tableLines(item, below, style)]);
  });
  return [...values.map(([key, view]) => valueLine(key, view, style)), ...inner];
}

/** A table that holds nothing but tables needs no head. */
function headLines(table: Table, path: readonly string[], style: Style): string[] {
  const views = Object.values(table);
  const needed = views.length === 0 || views.some((view) => !isTable(view) && !isTables(view));
  return needed ? ["", style.bold(`[${nameOf(path)}]`)] : [];
}

function valueLine(key: string, view: View, style: Style): string {
  const note = noteOf(view);
  return `${keyOf(key)} = ${printable(valueText(view))}${note === undefined ? "" : style.dim(`  # ${note}`)}`;
}

function valueText(view: View): string {
  if (view instanceof ShownDuration) return JSON.stringify(formatDuration(view.ms));
  if (view instanceof ShownSize) return JSON.stringify(formatSize(view.bytes));
  if (view instanceof ShownVariable) return JSON.stringify(`env:${view.env}`);
  if (view instanceof ShownSecret) return JSON.stringify(view.shown ?? "…");
  if (isList(view)) return `[${view.map(valueText).join(", ")}]`;
  if (isTable(view)) {
    const pairs = Object.entries(view).map(([key, inner]) => `${keyOf(key)} = ${valueText(inner)}`);
    return `{ ${pairs.join(", ")} }`;
  }
  return JSON.stringify(view);
}

function noteOf(view: View): string | undefined {
  if (view instanceof ShownVariable) return view.set ? "set" : "not set here";
  if (!(view instanceof ShownSecret)) return undefined;
  return view.shown === undefined ? "not shown" : "the rest is not shown";
}

function isTables(view: View): view is readonly Table[] {
  return isList(view) && view.length > 0 && view.every(isTable);
}

function nameOf(path: readonly string[]): string {
  return path.map(keyOf).join(".");
}

function keyOf(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : printable(JSON.stringify(key));
}
