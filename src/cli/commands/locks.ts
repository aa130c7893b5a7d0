import type { LocksResult } from "../../model/results.ts";
import type { CommandContext, Outcome } from "../context.ts";
import type { Style } from "../render/style.ts";
import { counted, tableLines } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

type LockState = LocksResult["locks"][number];
type PinState = LocksResult["pins"][number];

/** `locks`: who writes, builds and reads. Always 0: a lock is no finding. */
export async function run(_input: object, context: CommandContext): Promise<Outcome> {
  return withWorkspace(context, async (workspace) => {
    const result = await workspace.locks();
    return { word: "locks", body: result, exit: 0, text: (style) => locksText(result, style) };
  });
}

function locksText({ locks, pins }: LocksResult, style: Style): string {
  const lockRows = locks.map((lock) => [lock.store, nameOf(lock), stateOf(lock), holderText(lock), lock.since ?? "-"]);
  const shown = pins.filter(({ readers }) => readers !== 0);
  const pinRows = shown.map((pin) => [
    pin.store,
    pin.release,
    pin.readers === null ? "unknown" : String(pin.readers),
    readersText(pin),
  ]);
  const unread = pins.length - shown.length;
  const unknown = [...locks.map(({ held }) => held), ...pins.map(({ readers }) => readers)].includes(null);
  return [
    ...tableLines(["store", "lock", "state", "held by", "since"], lockRows, { style }),
    ...(shown.length > 0
      ? ["", ...tableLines(["store", "pin", "readers", "read by"], pinRows, { style, right: new Set([2]) })]
      : []),
    ...(unread > 0 ? ["", `${counted(unread, "pin")} that nobody reads by`] : []),
    ...(unknown ? ["", "This system does not list locks: what is told is the last holder's note."] : []),
  ].join("\n");
}

function nameOf({ lock, build }: LockState): string {
  return build === undefined ? lock : `${lock} of ${build}`;
}

function stateOf({ held, lease, lastHolderDied }: LockState): string {
  if (!held && lease) return `lease ${lease.state}${lease.expiresAt === undefined ? "" : `, ${lease.expiresAt}`}`;
  if (held === null) return "unknown";
  if (held) return "held";
  return lastHolderDied ? "free; its last holder died" : "free";
}

/** One that only its note names may run in another container, where the number means nothing here. */
function holderText({ pid, command, host, held, processes }: LockState): string {
  if (pid === undefined) return held ? "a process that cannot be seen" : "-";
  const isSeen = processes.some((process) => process.pid === pid);
  return processText({ pid, command, host: isSeen ? undefined : host });
}

function readersText({ processes, readers }: PinState): string {
  const hidden = (readers ?? processes.length) - processes.length;
  const seen = processes.map((process) => processText(process));
  return (
    [...seen, ...(hidden > 0 ? [`${hidden} ${hidden === 1 ? "process" : "processes"} that cannot be seen`] : [])].join(", ") ||
    "-"
  );
}

interface NamedProcess {
  readonly pid: number;
  readonly command?: string | undefined;
  readonly host?: string | undefined;
}

function processText({ pid, command, host }: NamedProcess): string {
  const name = host === undefined ? `process ${pid}` : `process ${pid} on ${host}`;
  return command === undefined ? name : `${name} (${command})`;
}
