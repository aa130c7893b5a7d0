// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { visits } from "../lib/choices.mjs";
import { binPath } from "../lib/dist.mjs";
import { memberEnvironment } from "./member.mjs";
import { pauseUnless } from "./pause.mjs";

/** @typedef {import("./member.mjs").Scene} Scene */
/** @typedef {import("../lib/choices.mjs").Visit} Visit */
/** @typedef {import("../lib/data.mjs").Content} Content */

const wait = ["--wait", "60s"];
const lockedOut = ["BUILD_LOCKED", "WRITER_LOCKED"];

/**
 * Operations in processes of their own, beside the publisher: the command line, and writers that are not ours.
 *
 * @param {Scene} scene
 */
export function createVisitors(scene) {
  const state = { count: 0 };

  /**
   * Runs a program to its end, and writes down what it was about to do and what came of it; nothing when it was killed.
   *
   * @param {{ kind: import("../lib/lines.mjs").OperationKind, allowed: string[], content?: Content | undefined }} what
   * @param {string[]} argv
   * @param {number} [killAfterMs]
   */
  async function operation({ kind, allowed, content }, argv, killAfterMs) {
    const life = ++state.count;
    const origin = { process: "visitor", life };
    const id = `visitor.${life}`;
    scene.log({ event: "invoke", ...origin, id, kind, allowed, ...content });
    const child = spawn(process.execPath, argv, {
      stdio: ["ignore", "pipe", "pipe"],
      env: memberEnvironment(),
      detached: process.platform !== "win32",
    });
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (said.stderr += text));
    const closed = once(child, "close");
    const [code, signal] = await once(child, "exit");
    clearTimeout(timer);
    if (signal !== null) {
      // A build command that outlives a killed publisher keeps the pipes: not waited for.
      scene.log({ event: "killed", ...origin });
      return;
    }
    await closed;
    scene.log({ event: "outcome", ...origin, id, ...resultOf(kind, code, said) });
  }

  /** @param {Content} content @param {{ waits: boolean, killAfterMs?: number | undefined }} how */
  function publish(content, { waits, killAfterMs }) {
    const { tag, orders, items } = content;
    const build = fileURLToPath(new URL("../members/build.mjs", import.meta.url));
    const command = ["--", process.execPath, build, String(tag), String(orders), String(items)];
    const argv = cli("publish", ...(waits ? wait : []), ...command);
    return operation({ kind: "publish", allowed: waits ? ["ok"] : ["ok", ...lockedOut], content }, argv, killAfterMs);
  }

  /** @param {string} verb @param {string[]} words */
  function cli(verb, ...words) {
    return [binPath, verb, scene.store, "--json", "--config", scene.config, ...words];
  }

  /** @param {Visit} visit */
  function visit({ kind, content, killAfterMs }) {
    switch (kind) {
      case "publish":
      case "waiting-publish":
        return publish(content, { waits: kind === "waiting-publish", killAfterMs });
      case "rollback":
        return operation({ kind, allowed: ["ok", "RELEASE_UNKNOWN"] }, cli("rollback", ...wait), killAfterMs);
      case "foreign": {
        const script = fileURLToPath(new URL("../members/foreign.mjs", import.meta.url));
        const { tag, orders, items } = content;
        const argv = [script, scene.dir, scene.basename, String(tag), String(orders), String(items)];
        return operation({ kind, allowed: ["ok"], content }, argv, killAfterMs);
      }
    }
  }

  return {
    publish,
    adopt: () => operation({ kind: "adopt", allowed: ["ok"] }, cli("adopt", ...wait)),
    /** One visit after another, until the soak is over. */
    async comeBy() {
      for (const next of visits(scene.seed)) {
        if (!(await pauseUnless(scene.over, next.pauseMs))) return;
        await visit(next);
      }
    },
  };
}

/** @typedef {ReturnType<typeof createVisitors>} Visitors */

/**
 * @param {import("../lib/lines.mjs").OperationKind} kind
 * @param {number | null} code
 * @param {{ stdout: string, stderr: string }} said
 */
function resultOf(kind, code, { stdout, stderr }) {
  const last = (code === 0 ? stdout : stderr).trimEnd().split("\n").at(-1) ?? "";
  try {
    const { release, version, previous, error } = JSON.parse(last);
    if (code !== 0) return { result: error.code, message: error.message };
    return { result: "ok", release, version, ...(kind === "adopt" && { from: previous?.release }) };
  } catch {
    return { result: `exit ${code}`, message: last };
  }
}
