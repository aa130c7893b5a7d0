import { firstLine, isLockkeeperError, LockkeeperError } from "../errors/lockkeeper-error.ts";
import { errnoOf, ioError } from "../platform/io-error.ts";
import type { CommandModule, GlobalOptions, Outcome, StreamItem } from "./context.ts";
import { jsonRenderer } from "./render/json.ts";
import { createProgress, type Progress } from "./render/progress.ts";
import type { Renderer } from "./render/renderer.ts";
import { styleFor } from "./render/style.ts";
import { textRenderer } from "./render/text.ts";
import { createInterruption } from "./signals.ts";

/** Loads a command, runs it, prints what it came to and ends the process with its exit code. */
export async function execute<Input>(
  load: () => Promise<CommandModule<Input>>,
  input: Input,
  options: GlobalOptions,
): Promise<void> {
  const terminal = openTerminal(options);
  const interruption = createInterruption();
  const { onProgress, note } = terminal.progress;
  try {
    const { run } = await load();
    const { tell } = terminal;
    const outcome = await run(input, { options, onProgress, note, tell, interruption: () => interruption.signal() });
    await terminal.finish(outcome);
  } catch (error) {
    await terminal.fail(error, isLockkeeperError(error, "INTERRUPTED") ? interruption.exit() : undefined);
  }
}

/** Reports an error from before a command began and ends the process. */
export async function fail(error: unknown, options: GlobalOptions): Promise<void> {
  await openTerminal(options).fail(error, undefined);
}

interface Terminal {
  readonly progress: Progress;
  tell(this: void, item: StreamItem): Promise<boolean>;
  finish(outcome: Outcome): Promise<void>;
  fail(error: unknown, exit: number | undefined): Promise<void>;
}

function openTerminal(options: GlobalOptions): Terminal {
  const environment = process.env;
  const errors = styleFor({ terminal: process.stderr.isTTY, environment });
  const renderer: Renderer = options.json
    ? jsonRenderer
    : textRenderer(styleFor({ terminal: process.stdout.isTTY, environment }), errors);
  // Who reads stderr may have gone: nothing is left to tell, and the operation goes on.
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", () => undefined);
  const progress = createProgress({
    write: (chunk) => process.stderr.write(chunk),
    terminal: process.stderr.isTTY,
    quiet: options.quiet ?? false,
    style: errors,
    now: () => performance.now(),
  });
  return {
    progress,
    async tell(item) {
      progress.endLine();
      return toStdout(renderer.item(item));
    },
    async finish(outcome) {
      progress.endLine();
      if (!("printed" in outcome)) await toStdout(renderer.report(outcome));
      process.exit(outcome.exit);
    },
    async fail(error, exit) {
      const ours = asLockkeeperError(error);
      const code = exit ?? ours.exit;
      progress.endLine();
      if (ours.code === "BUG" && process.env["LOCKKEEPER_DEBUG"]) process.stderr.write(`${stackOf(error)}\n`);
      await written(process.stderr, renderer.error(ours, code));
      process.exit(code);
    },
  };
}

/** False where the reader has seen enough, as in `| head`, which is no failure. Throws `IO_FAILED`, `DISK_FULL`, … for others. */
async function toStdout(text: string): Promise<boolean> {
  const error = await written(process.stdout, text);
  if (error && errnoOf(error) !== "EPIPE") throw ioError(error, "write the result to", "stdout");
  return error === undefined;
}

/** Waits until the bytes are with the system; gives the error instead of throwing it. */
function written(stream: NodeJS.WriteStream, text: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    stream.write(text, (error) => resolve(error ?? undefined));
  });
}

function asLockkeeperError(error: unknown): LockkeeperError {
  if (isLockkeeperError(error)) return error;
  return new LockkeeperError("BUG", `unexpected: ${firstLine(error)}`, {
    hint: "Please report this with the command you ran; LOCKKEEPER_DEBUG=1 adds the stack.",
    cause: error,
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
