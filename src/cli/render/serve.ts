import { relText } from "./plan.ts";
import { printable } from "./text.ts";

/** A store as `serve` found it when it began to listen. */
export interface ServedStore {
  readonly store: string;
  /** Absent where nothing can be served yet. */
  readonly release?: string;
  readonly version?: number;
}

/** One line: where, and what is served. */
export function servingText(url: string, stores: readonly ServedStore[]): string {
  const told = stores.map(({ store, release, version }) => {
    if (release === undefined || version === undefined) return `${store} (nothing to serve yet)`;
    return `${store} ${printable(relText({ release, version }))}`;
  });
  return `${url} serves ${told.length === 0 ? "no store" : told.join(", ")}`;
}
