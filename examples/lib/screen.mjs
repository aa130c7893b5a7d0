// @ts-check
import pc from "picocolors";

/** @typedef {{ requests: number, failed: number, mixed: number, lockErrors: number, version?: number }} LiveCounts */

/**
 * Tells the story: lines that stay, and on a terminal one line below them that follows the load. Elsewhere plain lines only.
 *
 * @param {NodeJS.WriteStream | undefined} stream `undefined`: silent
 */
export function createScreen(stream) {
  // A live line needs a terminal that can take a line back.
  const live = stream?.isTTY === true ? stream : undefined;
  let liveText = "";

  /** @param {string} text */
  const line = (text = "") => stream?.write(live ? `\r\x1b[2K${text}\n${liveText}` : `${text}\n`);

  return {
    line,
    /** @param {string} command */
    command: (command) => line(`\n${pc.dim("$")} ${pc.bold(command)}`),
    /** @param {string} text */
    good: (text) => line(`  ${pc.green("✓")} ${text}`),
    /** @param {string} text */
    bad: (text) => line(`  ${pc.red("✗")} ${text}`),
    /** @param {LiveCounts} counts */
    counts: (counts) => {
      if (!live) return;
      liveText = `  ${describeCounts(counts)}`.slice(0, Math.max(20, live.columns - 1));
      live.write(`\r\x1b[2K${liveText}`);
    },
    /** Takes the live line away. */
    endLive: () => {
      if (liveText !== "") live?.write("\r\x1b[2K");
      liveText = "";
    },
  };
}

/**
 * One line of the load's counts.
 *
 * @param {LiveCounts} counts
 */
export function describeCounts({ requests, failed, mixed, lockErrors, version }) {
  const counts = `requests ${whole(requests)} · failed ${failed} · mixed ${mixed} · lock errors ${lockErrors}`;
  return version === undefined ? counts : `${counts} · version ${version}`;
}

/**
 * A whole number with thousands separators.
 *
 * @param {number} value
 */
export function whole(value) {
  return Math.round(value).toLocaleString("en-US");
}
