import { answerData, type AnswerTools, type DataAnswer } from "../answer.ts";
import type { ServerContext } from "../context.ts";
import type { Reply } from "../reply.ts";
import type { RequestContext } from "../route.ts";

/** An answer from a release, with its age in the headers. */
export async function datedAnswer(
  context: AnswerTools & Pick<ServerContext, "clock">,
  request: RequestContext,
  answer: DataAnswer,
): Promise<Reply> {
  let updated: string | undefined;
  const note = (release: { readonly lastUpdated: string }): void => void (updated = release.lastUpdated);
  const { admission } = answer;
  const reply = await answerData(context, request, {
    ...answer,
    admission: {
      known: (release) => {
        note(release);
        return admission ? admission.known(release) : "";
      },
      look: (release, signal) => {
        note(release);
        return admission ? admission.look(release, signal) : Promise.resolve("");
      },
    },
  });
  return { ...reply, headers: { ...reply.headers, ...ageHeaders(updated, context.clock.now()) } };
}

function ageHeaders(updated: string | undefined, now: Date): Record<string, string> {
  const ms = Date.parse(updated ?? "");
  if (updated === undefined || Number.isNaN(ms)) return {};
  return { "Data-Updated": updated, "Data-Age": String(Math.max(0, Math.floor((now.getTime() - ms) / 1000))) };
}
