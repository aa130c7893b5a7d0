import { firstLine } from "../errors/lockkeeper-error.ts";
import type { OperationOptions } from "./store.ts";

/** Tells of something that went wrong beside an operation and does not change its outcome. `what` is a sentence without its end. */
export function warn(options: OperationOptions, what: string, error: unknown): void {
  options.onProgress?.({ kind: "warning", detail: `${what}: ${firstLine(error)}` });
}
