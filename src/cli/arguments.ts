import { LockkeeperError } from "../errors/lockkeeper-error.ts";
import { parseDuration } from "../model/units.ts";
import type { OperationOptions } from "../release/store.ts";
import type { CommandContext } from "./context.ts";

/** Options of every command that changes something, as commander gives them. */
export interface ChangingOptions {
  readonly dryRun?: boolean;
  readonly wait?: string;
}

/** The operation's options: interruption, progress, lock wait. Throws `USAGE` for a `--wait` that is no duration. */
export function operationOptions(options: ChangingOptions, context: CommandContext): OperationOptions {
  return {
    dryRun: options.dryRun ?? false,
    waitMs: options.wait === undefined ? 0 : durationOf("--wait", options.wait),
    signal: context.interruption(),
    onProgress: context.onProgress,
  };
}

/** A whole number of at least 1. Throws `USAGE` naming the option. */
export function countOf(option: string, text: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw usage(option, text, "say a whole number of at least 1");
}

/** `USAGE` for an option's value. */
export function usage(option: string, text: string, rule: string): LockkeeperError {
  return new LockkeeperError("USAGE", `${option} is "${text}"; ${rule}`, { subject: option });
}

/** Milliseconds of a duration such as `26h`. Throws `USAGE` naming the option. */
export function durationOf(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw usage(option, text, 'say a duration such as "30s", "10m" or "2h"');
}

/** What a build begins with. Throws `USAGE` for anything but `active`. */
export function baseOf(base: string | undefined): "active" | undefined {
  if (base === undefined || base === "active") return base;
  throw usage("--base", base, 'the only base there is is "active"; roll back first, to begin with an older release');
}
