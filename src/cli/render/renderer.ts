import type { LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { Report, StreamItem } from "../context.ts";

/** Makes what a command prints at its end. Text and JSON are the two there are; neither decides anything. */
export interface Renderer {
  /** For stdout. */
  report(report: Report): string;
  /** For stdout, as it comes. */
  item(item: StreamItem): string;
  /** For the end of stderr; `exit` may differ from the error's own after a signal. */
  error(error: LockkeeperError, exit: number): string;
}
