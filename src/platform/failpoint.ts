import { writeSync } from "node:fs";
import { LockkeeperError } from "../errors/lockkeeper-error.ts";

const actions = ["kill", "error", "stop", "tell"] as const;

type Action = (typeof actions)[number];

/**
 * Reads `LOCKKEEPER_FAILPOINTS`, for example `switch.renamed=kill,history.appended=error`. `NAME#2` is the second time that this process passes NAME,
 * `*` every failpoint. Actions: `kill` sends this process SIGKILL, `error` throws `EIO` as a failing disk would, `stop` sends it SIGSTOP after a line on
 * stderr, to be continued by a test, `tell` writes the line and goes on. For tests of Lockkeeper only: without the variable a failpoint does
 * nothing. Throws `USAGE` for an unknown action.
 */
export function failpointsFrom(setting: string | undefined): (name: string) => Promise<void> {
  const armed = new Map<string, Action>();
  for (const part of (setting ?? "").split(",").filter(Boolean)) {
    const [name = "", action] = part.split("=");
    const known = actions.find((candidate) => candidate === action);
    if (!known) {
      throw new LockkeeperError("USAGE", `LOCKKEEPER_FAILPOINTS: "${part}" is not NAME=${actions.join("|")}`, { subject: part });
    }
    armed.set(name, known);
  }
  if (armed.size === 0) return async () => undefined;
  const passed = new Map<string, number>();
  return async (name) => {
    const count = (passed.get(name) ?? 0) + 1;
    passed.set(name, count);
    const action = armed.get(`${name}#${count}`) ?? armed.get(name) ?? armed.get("*");
    if (action !== undefined) await fire(name, action);
  };
}

async function fire(name: string, action: Action): Promise<void> {
  if (action === "error") throw Object.assign(new Error(`EIO: failpoint ${name}`), { code: "EIO" });
  writeSync(2, `failpoint ${name} ${action}\n`);
  if (action === "tell") return;
  process.kill(process.pid, action === "kill" ? "SIGKILL" : "SIGSTOP");
  // A signal that came while we stood still is heard when the event loop has looked around once: after the second turn at the latest.
  for (let turn = 0; turn < 2; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
