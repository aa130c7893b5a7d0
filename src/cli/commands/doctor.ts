import { doctor } from "../../workspace/doctor/doctor.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { doctorText } from "../render/doctor.ts";

/** `doctor`: 3 when anything does not work. Listens to signals, for its file in each store is to go with it. */
export async function run(_input: object, context: CommandContext): Promise<Outcome> {
  const checks = await doctor({ config: context.options.config, signal: context.interruption() });
  const failed = checks.some(({ status }) => status === "fail");
  return { word: "doctor", body: { checks }, exit: failed ? 3 : 0, text: (style) => doctorText(checks, style) };
}
