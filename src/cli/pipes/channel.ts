import type { MessagesPlace } from "../../model/dagster/context.ts";
import { openAppended } from "../../platform/append.ts";
import type { CommandContext } from "../context.ts";

/** Where lines for Dagster go. */
export interface PipesChannel {
  /** One line without its line feed, in one write. Throws what the system says of a file. */
  write(line: string): void;
  /** Nothing is written after it. */
  end(): void;
}

/** Opens where messages go. Throws what the system says of a file. */
export function openChannel(place: MessagesPlace, context: CommandContext): PipesChannel {
  if (place.kind === "file") {
    const file = openAppended(place.path);
    return { write: (line) => file.append(`${line}\n`), end: () => file.close() };
  }
  const write = place.stream === "stdout" ? toStdout : toStderr(context);
  if (!place.buffered) return { write, end: () => undefined };
  const lines: string[] = [];
  return {
    write: (line) => void lines.push(line),
    end: () => {
      for (const line of lines.splice(0)) write(line);
    },
  };
}

/** Nothing else is there before the result. */
function toStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Build output may have left a line open there, which a note ends; where output is not passed on, notes are not either. */
function toStderr({ options, note }: CommandContext): (line: string) => void {
  return options.quiet ? (line) => void process.stderr.write(`${line}\n`) : note;
}
