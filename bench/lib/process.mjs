// @ts-check
import { spawnSync } from "node:child_process";

/**
 * Milliseconds of a whole Node process, start to end. Throws where it does not end with exit 0.
 *
 * @param {string[]} args
 */
export function wholeProcess(args) {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with exit ${status}: ${stderr}`);
  return performance.now() - startedAt;
}
