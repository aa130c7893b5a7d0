import type { BootstrapResult } from "../../model/bootstrap.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** `bootstrap`: a line a folder, then a line an extension, with the reason under one that is not there. */
export function bootstrapText({ dryRun, folders, extensions }: BootstrapResult, style: Style): string {
  const made = dryRun ? "missing" : "made";
  const lines = folders.map(({ path, created, mode }) => {
    const word = (created ? made : "there").padEnd(7);
    return `${created ? style.green(word) : style.dim(word)}  ${(mode ?? "").padEnd(4)}  ${printable(path)}`;
  });
  const loads = extensions.flatMap(({ name, status, version, detail }) => {
    const word = status === "loaded" ? style.green(status.padEnd(7)) : style.red(status.padEnd(7));
    const line = `${word}  extension ${name}${version === undefined ? "" : ` ${printable(version)}`}`;
    return detail === undefined ? [line] : [line, `         ${style.dim(printable(detail))}`];
  });
  const failed = extensions.some(({ status }) => status !== "loaded");
  return [...lines, ...loads, ...(failed ? [style.dim("exit 3")] : [])].join("\n");
}
