import type { BuildMessage } from "../../model/build-message.ts";
import { formatElapsed } from "../../model/units.ts";
import type { ProgressEvent } from "../../release/store.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** Where progress goes and how much of it is told. */
export interface ProgressOptions {
  readonly write: (chunk: string | Uint8Array) => void;
  /** Phases are for a person who watches; build output, warnings and waiting are told to a log as well. */
  readonly terminal: boolean;
  readonly quiet: boolean;
  readonly style: Style;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** Tells progress on stderr. */
export interface Progress {
  onProgress(this: void, event: ProgressEvent): void;
  note(this: void, text: string): void;
  /** Ends a line that build output left open, so that what follows begins at its start. */
  endLine(): void;
}

/** Progress that begins now. Build output passes through byte for byte. */
export function createProgress({ write, terminal, quiet, style, now }: ProgressOptions): Progress {
  const started = now();
  let lineOpen = false;
  const endLine = () => {
    if (lineOpen) write("\n");
    lineOpen = false;
  };
  const line = (text: string) => {
    if (quiet) return;
    endLine();
    write(`${text}\n`);
  };
  const output = (chunk: Buffer) => {
    if (quiet || chunk.length === 0) return;
    write(chunk);
    lineOpen = chunk.at(-1) !== 0x0a;
  };
  const stamp = () => style.dim(`[${formatElapsed(now() - started)}]`);
  return {
    endLine,
    note: line,
    onProgress(event) {
      if (event.kind === "output") output(event.chunk);
      else if (event.kind !== "phase" && event.kind !== "message") line(`${style.yellow(event.kind)} ${printable(event.detail)}`);
      else if (event.kind === "message") line(buildMessageLine(event.message));
      else if (terminal) line(`${stamp()} ${style.bold(event.phase)}${event.detail ? ` ${printable(event.detail)}` : ""}`);
    },
  };
}

/** What a build says, on one line. */
export function buildMessageLine(message: BuildMessage): string {
  if (message.type === "check") {
    const { name, status, message: text = "" } = message;
    return ["build:", "check", printable(name), status, printable(text)].filter(Boolean).join(" ");
  }
  if (message.type === "watermark") {
    const { name = "", value } = message;
    return ["build:", "watermark", printable(name), printable(String(value))].filter(Boolean).join(" ");
  }
  const { text, fraction } = message;
  const percent = fraction === undefined ? "" : `${Math.round(fraction * 100)} %`;
  return ["build:", percent, printable(text ?? "")].filter(Boolean).join(" ");
}
