// @ts-check
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createChildren } from "./children.mjs";
import { DemoError } from "./requirements.mjs";
import { createScreen } from "./screen.mjs";

/**
 * What a demo runs on: its children, its screen and a folder of its own. However it ends, by itself, by an error or by a signal, no child is left,
 * nor the folder unless it is to be kept.
 *
 * @param {{ name: string, json: boolean, keep: boolean, dir?: string | undefined }} options `name` begins the temporary folder's
 */
export function createStage({ name, json, keep, dir }) {
  const children = createChildren();
  // With --json stdout is for the document alone; the story is for people at a terminal.
  const progress = process.stderr.isTTY ? process.stderr : undefined;
  const screen = createScreen(json ? progress : process.stdout);
  /** @type {string | undefined} removed at the end */
  let temporary;
  const state = { stopped: false };

  /**
   * @param {number} exit
   * @param {unknown} [error]
   */
  async function finish(exit, error) {
    screen.endLive();
    await children.stopAll();
    if (temporary) rmSync(temporary, { recursive: true, force: true });
    if (error !== undefined) explain(error, { exit, json });
    process.exit(exit);
  }

  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      if (state.stopped) return;
      state.stopped = true;
      void finish(signal === "SIGINT" ? 130 : 143, new DemoError("INTERRUPTED", `stopped by ${signal}`, { exit: 130 }));
    });
  }

  return {
    children,
    screen,
    /** A folder of its own: temporary, unless it is to be kept. */
    makeFolder() {
      if (dir !== undefined) {
        const folder = resolve(dir);
        mkdirSync(folder, { recursive: true });
        if (readdirSync(folder).length === 0) return folder;
        throw new DemoError("STORE_NOT_EMPTY", `${folder} is not empty`, {
          exit: 12,
          hint: "Name a folder that is new or empty.",
        });
      }
      const folder = mkdtempSync(join(tmpdir(), name));
      if (!keep) temporary = folder;
      return folder;
    },
    /** Whether the folder is removed at the end. */
    isTemporary: () => temporary !== undefined,
    /**
     * Runs the demo and ends the process: 0 where it passed, 1 and `failure` where it did not.
     *
     * @param {() => Promise<boolean>} run
     * @param {string} failure
     */
    async perform(run, failure) {
      try {
        const passed = await run();
        await finish(passed ? 0 : 1, passed ? undefined : new DemoError("DEMO_FAILED", failure, { exit: 1 }));
      } catch (error) {
        if (!state.stopped) await finish(error instanceof DemoError ? error.exit : 1, error);
      }
    },
  };
}

/** @typedef {ReturnType<typeof createStage>} Stage */

/**
 * @param {unknown} error
 * @param {{ exit: number, json: boolean }} how
 */
function explain(error, { exit, json }) {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof DemoError ? error.code : "DEMO_FAILED";
  const hint = error instanceof DemoError ? error.hint : undefined;
  if (json) {
    const described = { code, message, ...(hint && { hint }), exit };
    process.stderr.write(`${JSON.stringify({ schema: "lockkeeper/error@1", error: described })}\n`);
  } else {
    process.stderr.write(`\nerror: ${message}\n${hint ? `  ${hint}\n` : ""}exit ${exit}\n`);
  }
}
