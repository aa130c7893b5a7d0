import { isLockkeeperError, LockkeeperError } from "../../errors/lockkeeper-error.ts";
import type { StoreEvent } from "../../model/events.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { eventText } from "../render/events.ts";
import { printable } from "../render/text.ts";
import { withWorkspace } from "../workspace.ts";

interface Input {
  readonly store: string | undefined;
  readonly follow?: boolean;
  readonly after?: string;
}

/** `events [STORE]`: a line an event, as it comes. Ends quietly when nobody reads it any more. */
export async function run({ store, follow, after }: Input, context: CommandContext): Promise<Outcome> {
  // Without --follow nothing has to be put in order, and the system may end us at once.
  const signal = follow ? context.interruption() : undefined;
  const onWarning = (detail: string) => context.note(`warning ${printable(detail)}`);
  return withWorkspace(context, async (workspace) => {
    let last: StoreEvent | undefined;
    try {
      for await (const event of workspace.events({ store, follow, after, signal, onWarning })) {
        if (!(await context.tell({ body: event, text: (style) => eventText(event, style) }))) break;
        last = event;
      }
    } catch (error) {
      throw withWayOn(error, workspace.stores.length === 1 || store !== undefined ? last : undefined);
    }
    return { printed: true, exit: 0 };
  });
}

function withWayOn(error: unknown, last: StoreEvent | undefined): unknown {
  if (!isLockkeeperError(error, "INTERRUPTED")) return error;
  const on = last && `\`lockkeeper events ${last.store} --follow --after ${last.id}\` goes on from here.`;
  return new LockkeeperError("INTERRUPTED", "the events are no longer followed", { ...(on && { hint: on }), cause: error });
}
