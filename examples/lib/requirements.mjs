// @ts-check
import { createRequire } from "node:module";

/** Raised where the demo cannot start; `hint` says what to do. */
export class DemoError extends Error {
  /**
   * @param {string} code one of Lockkeeper's error codes
   * @param {string} message
   * @param {{ exit: number, hint?: string }} details
   */
  constructor(code, message, { exit, hint }) {
    super(message);
    this.code = code;
    this.exit = exit;
    this.hint = hint;
  }
}

/** The example app is written with Hono, which Lockkeeper itself does not need. */
export function requireHono() {
  const require = createRequire(import.meta.url);
  for (const name of ["hono", "@hono/node-server"]) {
    try {
      require.resolve(name);
    } catch {
      throw new DemoError("FILE_MISSING", `the demo's app needs the npm package ${name}, which is not installed`, {
        exit: 10,
        hint: "Run `npm install hono @hono/node-server` where Lockkeeper is installed.",
      });
    }
  }
}
