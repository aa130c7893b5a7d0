import colors from "picocolors";

/** Colours of a text, or none. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/** What decides on colours. */
export interface ColorSupport {
  readonly terminal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Colours for a stream: never with `NO_COLOR`, always with `FORCE_COLOR` (other than `0`), else where it is a terminal
 * that is not `dumb`. An empty variable counts as unset.
 */
export function styleFor({ terminal, environment }: ColorSupport): Style {
  const forced = environment["FORCE_COLOR"];
  if (environment["NO_COLOR"] || forced === "0") return colors.createColors(false);
  return colors.createColors(Boolean(forced) || (terminal && environment["TERM"] !== "dumb"));
}
