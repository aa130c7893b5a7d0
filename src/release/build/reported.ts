import { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import { buildMessageSchema, reportedResult, type BuildMessage } from "../../model/build-message.ts";
import type { CheckResult } from "../../model/check.ts";
import type { Watermark } from "../../model/watermark.ts";
import type { OperationOptions } from "../store.ts";

/** Checks that one build may report. */
export const reportedMax = 1_000;
/** Names of watermarks that one build may report. */
export const watermarksMax = 1_000;
/** Faulty lines that are told one by one. */
const faultsToldMax = 20;
/** Faults that the result names. */
const faultsShownMax = 3;
/** Characters of a faulty line that are shown. */
const lineShownMax = 120;

/** Takes what a build says, passes it on to whoever watches, and keeps the checks and watermarks that it reports. */
export class Reported {
  readonly #options: OperationOptions;
  readonly #results: CheckResult[] = [];
  readonly #watermarks = new Map<string, string>();
  readonly #faults: string[] = [];
  #faultCount = 0;
  /** Whether something that cannot be read may have been a failed check. */
  #mayHideChecks = false;

  constructor(options: OperationOptions) {
    this.#options = options;
  }

  /** A message of a build function. Throws `USAGE` for one that has not the shape of a message. */
  take(message: BuildMessage): void {
    const parsed = buildMessageSchema.safeParse(message);
    if (!parsed.success) {
      throw new LockkeeperError("USAGE", `the build's message is malformed: ${faultOf(parsed.error)}`, {
        hint: 'A message is { type: "log" or "progress", text?, fraction? }, { type: "check", name, status, … } or { type: "watermark", name?, value }.',
      });
    }
    this.#keep(parsed.data);
  }

  /** A line of the messages file. One that is malformed is told, and shows among the results. */
  takeLine(line: string, number: number): void {
    if (line.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return this.fault(`line ${number} is not JSON: ${shown(line)}`, /check/i.test(line));
    }
    const parsed = buildMessageSchema.safeParse(value);
    if (parsed.success) return this.#keep(parsed.data);
    const type = (value as { readonly type?: unknown } | null)?.type;
    this.fault(`line ${number}: ${faultOf(parsed.error)}: ${shown(line)}`, type === "check");
  }

  /** Something of the messages that could not be read. `mayHideChecks`: a failed check may be in it, so the build cannot pass. */
  fault(detail: string, mayHideChecks: boolean): void {
    this.#faultCount += 1;
    this.#mayHideChecks ||= mayHideChecks;
    if (this.#faults.length < faultsShownMax) this.#faults.push(detail);
    if (this.#faultCount <= faultsToldMax)
      this.#options.onProgress?.({ kind: "warning", detail: `messages of the build: ${detail}` });
  }

  /** The reported checks in their order, and before them one that fails where a message could not be read. */
  results(): CheckResult[] {
    if (this.#faultCount === 0) return [...this.#results];
    const more = this.#faultCount - this.#faults.length;
    const faulty: CheckResult = {
      name: "messages",
      check: "messages",
      severity: this.#mayHideChecks ? "error" : "warn",
      status: "fail",
      observed: `${this.#faultCount} malformed`,
      expected: "JSON lines of type log, progress, check or watermark",
      message: `${this.#faults.join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
    };
    return [faulty, ...this.#results];
  }

  /** How far the data reaches: of each name what was said last, in the order of their first mention. */
  watermarks(): Watermark[] {
    return [...this.#watermarks].map(([name, value]) => ({ name, value }));
  }

  #keep(message: ReturnType<typeof buildMessageSchema.parse>): void {
    this.#options.onProgress?.({ kind: "message", message });
    if (message.type === "watermark") return this.#keepWatermark(message);
    if (message.type !== "check") return;
    if (this.#results.length < reportedMax) this.#results.push(reportedResult(message));
    else this.fault(`check ${message.name} is one more than the ${reportedMax} that a build may report`, true);
  }

  #keepWatermark({ name, value }: Watermark): void {
    if (this.#watermarks.size < watermarksMax || this.#watermarks.has(name)) this.#watermarks.set(name, value);
    else this.fault(`watermark ${name} is one more than the ${watermarksMax} that a build may report`, false);
  }
}

function faultOf(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join(".") ?? "";
  return path === "type" ? "unknown type" : `${path === "" ? "" : `${path}: `}${issue?.message ?? "malformed"}`;
}

function shown(line: string): string {
  return line.length > lineShownMax ? `${line.slice(0, lineShownMax)}…` : line;
}
