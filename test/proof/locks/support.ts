import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { publish } from "../../../src/release/publish.ts";
import { distUrl, startProgram, type Child } from "../../support/child.ts";
import { rowsBuild, storeIn } from "../../support/store.ts";
import { temporaryFolder } from "../../support/temporary.ts";

/** Every lock that Lockkeeper takes, each with its product's holder and contender in `actor.mjs`. */
export const lockKinds = ["writer lock", "build lock", "build folder's lock", "reader's pin"] as const;

export type LockKind = (typeof lockKinds)[number];

/** A process that holds a lock or wants it. */
export interface Actor extends Child {
  /** Sends one of the commands of `actor.mjs` and resolves with its answer. */
  ask(command: "take" | "contend" | "touch" | "release" | "status"): Promise<Record<string, unknown>>;
}

/** Where an actor runs. */
export interface ActorOptions {
  /** Words before the program's own: a namespace of its own. */
  readonly wrap?: readonly string[];
  /** The user to become. */
  readonly user?: number;
}

/** Words that make a process number 1 of a namespace of processes that ends with it. */
export const pidNamespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] as const;

/** Starts a holder or contender of a store's lock. */
export async function startActor(kind: LockKind, folder: string, { wrap = [], user }: ActorOptions = {}): Promise<Actor> {
  const script = fileURLToPath(new URL("actor.mjs", import.meta.url));
  const words = [script, distUrl(""), kind, folder, ...(user === undefined ? [] : [String(user)])];
  const child = startProgram([...wrap, process.execPath, ...words]);
  await child.line("ready");
  return {
    ...child,
    async ask(command) {
      child.send(command);
      const line = await child.line("answer ");
      return JSON.parse(line.slice("answer ".length)) as Record<string, unknown>;
    },
  };
}

/** Starts a holder that holds the lock. */
export async function startHolder(kind: LockKind, folder: string, options: ActorOptions = {}): Promise<Actor> {
  const actor = await startActor(kind, folder, options);
  const answer = await actor.ask("take");
  if (answer["held"] !== true) throw new Error(`not taken: ${JSON.stringify(answer)}`);
  return actor;
}

let template: Promise<string> | undefined;

/** A store whose second release is active, with 1 and 2 rows in its table `t`: a copy of one that was published once for all tests of a file. */
export async function storeAtTwo(): Promise<string> {
  const folder = temporaryFolder();
  cpSync(await (template ??= publishTwo()), folder, { recursive: true });
  chmodSync(folder, 0o755);
  return folder;
}

async function publishTwo(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "lockkeeper-test-"));
  templates.push(folder);
  for (const rows of [1, 2]) await publish(storeIn(folder), rowsBuild(rows));
  return folder;
}

const templates: string[] = [];

afterAll(() => {
  for (const folder of templates) rmSync(folder, { recursive: true, force: true });
});
