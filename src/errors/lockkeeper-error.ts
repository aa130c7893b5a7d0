import { errorCodes, exitCodes, type ErrorCategory, type ErrorCode } from "./codes.ts";

/** Who holds a lock, as far as it can be told. For people; decides nothing. */
export interface LockHolder {
  readonly pid: number;
  readonly command?: string;
  readonly host?: string;
  /** RFC 3339 UTC. */
  readonly since?: string;
}

/** One of several faults that an error stands for; `model/finding.ts` has the schema. */
export interface ErrorFinding {
  readonly code: string;
  readonly severity: "info" | "warn" | "error";
  readonly subject: string;
  readonly detail: string;
}

/** What an error says besides its message. */
export interface ErrorDetails {
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** The path, store, release, table or key that the error is about. */
  readonly subject?: string;
  readonly holder?: LockHolder;
  /** All faults, where there are several and the message can name only the first. */
  readonly findings?: readonly ErrorFinding[];
  readonly cause?: unknown;
}

/**
 * The one error class: everything that Lockkeeper throws on purpose. `message` says what happened
 * and which value, `hint` what to do next, `exit` is the command line's exit code.
 */
export class LockkeeperError extends Error {
  override readonly name = "LockkeeperError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly subject: string | undefined;
  readonly holder: LockHolder | undefined;
  readonly findings: readonly ErrorFinding[] | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.subject = details.subject;
    this.holder = details.holder;
    this.findings = details.findings;
  }

  get category(): ErrorCategory {
    return errorCodes[this.code].category;
  }

  get retriable(): boolean {
    return errorCodes[this.code].retriable;
  }

  get exit(): number {
    return exitCodes[this.category];
  }

  /** The error as the command line and the server print it. */
  toJSON(): Record<string, unknown> {
    const { code, message, hint, exit, subject, holder, findings } = this;
    return {
      code,
      message,
      ...(hint && { hint }),
      exit,
      ...(subject && { subject }),
      ...(holder && { holder }),
      ...(findings && { findings }),
    };
  }
}

/** Whether `error` is one of ours, optionally with one of `codes`. */
export function isLockkeeperError(error: unknown, ...codes: ErrorCode[]): error is LockkeeperError {
  return error instanceof LockkeeperError && (codes.length === 0 || codes.includes(error.code));
}

/** The first line of any thrown value: engine errors carry stack traces with paths after it. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
