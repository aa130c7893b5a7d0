import type { Document } from "./documents.ts";

/** Home folders: a path below one names somebody's machine. */
const homePattern = /(?<![\w.~-])\/(?:home|Users|root)\/[\w.-]+/;

/** Places that packages come from; a lock file made behind a mirror would break every other machine. */
const registryPattern = /"resolved"\s*:\s*"(?!https:\/\/registry\.npmjs\.org\/)[^"]*"/;

/** Lines that name a path or host of one machine. `own` are this machine's: the checkout's folder and the like. */
export function machineTraces(files: readonly Document[], own: readonly string[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const trace = homePattern.exec(line)?.[0] ?? registryPattern.exec(line)?.[0] ?? own.find((word) => line.includes(word));
      return trace === undefined ? [] : [`${path}:${index + 1}: ${trace}`];
    }),
  );
}
