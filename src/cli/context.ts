import type { ProgressEvent } from "../release/store.ts";
import type { Style } from "./render/style.ts";

/** Options that every command takes. */
export interface GlobalOptions {
  /** One JSON document on stdout instead of text. */
  readonly json?: boolean;
  /** The configuration file to use. */
  readonly config?: string;
  /** No progress, no build output, no notes on stderr; errors are told all the same. */
  readonly quiet?: boolean;
}

/** What a command came to, or that everything has been told already: item by item, or by a program it ran in the foreground. */
export type Outcome = Report | { readonly printed: true; readonly exit: number };

/** A result: data first, text made from it. */
export interface Report {
  /** The `<word>` of `lockkeeper/<word>@1`. */
  readonly word: string;
  /** The document's other fields. */
  readonly body: object;
  /** 3 when it finished with findings, or a release was refused. */
  readonly exit: 0 | 3;
  /** The same for people; lines without the last line feed. */
  text(style: Style): string;
}

/** One thing of a result that is told as it comes: data first, text made from it. */
export interface StreamItem {
  /** A line of NDJSON with `--json`. */
  readonly body: object;
  /** The same for people, one line without its line feed. */
  text(style: Style): string;
}

/** What a command has besides its own arguments. */
export interface CommandContext {
  readonly options: GlobalOptions;
  /**
   * Aborts at Ctrl-C, SIGTERM or SIGHUP. From the first call on a signal no longer ends this process at once; a second one
   * does. Commands that change nothing never call it.
   */
  interruption(): AbortSignal;
  /** Tells people on stderr how an operation goes. */
  onProgress(this: void, event: ProgressEvent): void;
  /** Tells one thing of a result that has no end, on stdout; false once nobody reads there any more. */
  tell(this: void, item: StreamItem): Promise<boolean>;
  /** One line for people on stderr, besides the result. */
  note(this: void, text: string): void;
}

/** What each `commands/<verb>.ts` exports. */
export interface CommandModule<Input> {
  run(this: void, input: Input, context: CommandContext): Promise<Outcome>;
}
