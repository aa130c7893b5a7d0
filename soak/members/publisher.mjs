// @ts-check
/**
 * The publisher: an action every 200 ms, or as fast as they go. It writes down what it is about to do and what came of it, and tells the driver each
 * phase, so that it can be killed in the midst of one. What it takes is JSON in its first argument.
 */
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { publisherActions } from "../lib/choices.mjs";
import { writeDatabase } from "../lib/data.mjs";
import { libraryUrl } from "../lib/dist.mjs";
import { openLog } from "../lib/lines.mjs";

/** @typedef {import("../lib/choices.mjs").Action} Action */
/** @typedef {import("../lib/lines.mjs").OperationKind} OperationKind */
/** @typedef {import("../lib/data.mjs").Content} Content */
/** @typedef {(build: { readonly path: string }) => Promise<void>} BuildFunction */

const { seed, life, logs, config, store } = JSON.parse(process.argv[2] ?? "{}");
const everyMs = 200;
/** An orphaned build command of the life before, or a visitor, may hold the lock. */
const waitMs = 60_000;
const buildCommand = fileURLToPath(new URL("build.mjs", import.meta.url));

const { openWorkspace } = await import(libraryUrl);
const workspace = await openWorkspace({ config });
const log = openLog(logs, "publisher", life);
const state = { stopping: false, foreign: false, operations: 0 };
process.once("message", () => {
  state.stopping = true;
});
process.once("disconnect", () => process.exit(state.stopping ? 0 : 1));

for (const action of publisherActions(seed, life)) {
  if (state.stopping) break;
  const next = wait(everyMs);
  if (state.foreign) await adopt();
  await perform(action);
  await next;
}
await workspace.close();
process.disconnect();

/** @param {Action} action */
function perform({ kind, content, killAfterMs }) {
  switch (kind) {
    case "function":
      return publish(["ok"], content, inProcess(content));
    case "command":
      return publish(["ok"], content, command(content));
    case "refused":
      return publish(["refused"], content, inProcess(content));
    case "refused-command":
      return publish(["refused"], content, command(content));
    case "failing":
      return publish(["BUILD_FAILED"], content, failing(content));
    case "failing-command":
      return publish(["BUILD_FAILED"], content, command(content, "fail"));
    case "killed-command":
      return publish(["ok", "BUILD_FAILED"], content, command(content, `kill:${killAfterMs}`));
    case "rollback":
      return rollback();
    case "rollback-in-build":
      return publish(["ok"], content, inProcess(content, rollback));
  }
}

/**
 * @param {string[]} allowed
 * @param {Content} content
 * @param {unknown} build
 */
function publish(allowed, content, build) {
  return operation({ kind: "publish", allowed, ...content }, () =>
    workspace.publish(store, build, { waitMs, onProgress: tellPhase }),
  );
}

function rollback() {
  // There is none before the first switch of a kind, after an adoption, or where a kill left another release in the other slot.
  return operation({ kind: "rollback", allowed: ["ok", "RELEASE_UNKNOWN"] }, () => workspace.rollback(store, { waitMs }));
}

async function adopt() {
  await operation({ kind: "adopt", allowed: ["ok"] }, () => workspace.adopt(store, { waitMs }));
  state.foreign = false;
}

/**
 * @param {Content} content
 * @param {() => Promise<void>} [meanwhile] what happens before the build has written anything
 * @returns {BuildFunction}
 */
function inProcess(content, meanwhile) {
  return async ({ path }) => {
    await meanwhile?.();
    await writeDatabase(path, content);
  };
}

/**
 * @param {Content} content
 * @returns {BuildFunction}
 */
function failing(content) {
  return async ({ path }) => {
    await writeDatabase(path, content, { half: true });
    throw new Error("the source ended early");
  };
}

/**
 * @param {Content} content
 * @param {string[]} end
 */
function command({ tag, orders, items }, ...end) {
  return { command: [process.execPath, buildCommand, String(tag), String(orders), String(items), ...end] };
}

/** @param {{ kind: string, phase?: string }} event */
function tellPhase(event) {
  if (event.kind === "phase") process.send?.({ phase: event.phase });
}

/**
 * Writes down an operation and what came of it.
 *
 * @param {{ kind: OperationKind, allowed: string[], tag?: number, orders?: number, items?: number }} what
 * @param {() => Promise<any>} run
 */
async function operation(what, run) {
  const id = `publisher.${life}.${++state.operations}`;
  log({ event: "invoke", id, ...what });
  try {
    const { outcome, release, version, previous } = await run();
    const from = what.kind === "adopt" ? previous?.release : undefined;
    const result = outcome === "refused" ? "refused" : "ok";
    log({ event: "outcome", id, result, release, version, from });
  } catch (thrown) {
    const error = /** @type {Error & { code?: string }} */ (thrown);
    if (error.code === "FOREIGN_MANIFEST") state.foreign = true;
    log({ event: "outcome", id, result: error.code ?? error.name, message: error.message });
  }
}
