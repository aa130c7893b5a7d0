import type { ServeSettings } from "../model/serve-config.ts";
import type { ServerLog } from "./server.ts";

/** Standard error, by its number: its stream is the command line's. */
const standardError = 2;

/** Lines that wait for a reader of the log who has stopped reading: past this they are dropped, for answers must not wait for them. Bytes. */
const waitingBytesMax = 1_000_000;

/** A log that can be written to its end. */
export interface WrittenLog extends ServerLog {
  /** Writes what still waits, before the process ends. */
  flush(): void;
}

/**
 * A line of JSON on standard error for each thing there is to tell: `level`, `time`, what it is about, `msg`. Who reads it may go or be slow; nothing waits for that.
 */
export async function openServerLog(level: ServeSettings["log"]): Promise<WrittenLog> {
  const { pino } = await import("pino");
  const destination = pino.destination({ dest: standardError, sync: false, maxLength: waitingBytesMax });
  destination.on("error", () => undefined);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush() {
      try {
        destination.flushSync();
      } catch {
        // Nobody reads it any more.
      }
    },
  };
}
