import { z } from "zod";

/** What `doctor` found on one thing it looked at. */
export const doctorCheckSchema = z.object({
  name: z.string().describe("What was looked at; docs/doctor.md has each."),
  store: z.string().optional().describe("Absent for what is the machine's."),
  status: z
    .enum(["pass", "warn", "fail"])
    .describe("`fail`: something does not work here; exit 3. `warn`: it will surprise, or it could not be tried."),
  observed: z.string(),
  remedy: z.string().optional().describe("What to do; absent where nothing is to be done."),
});

/** What `doctor` found on one thing it looked at. */
export type DoctorCheck = z.infer<typeof doctorCheckSchema>;

/** What `doctor` prints. */
export const doctorResultSchema = z.object({ checks: z.array(doctorCheckSchema) });

/** A judgement without the name of what was judged. */
export type Verdict = Pick<DoctorCheck, "status" | "observed" | "remedy">;

/** Nothing is wrong. */
export function pass(observed: string): Verdict {
  return { status: "pass", observed };
}

/** It works, and will surprise; or it could not be tried. */
export function warn(observed: string, remedy: string): Verdict {
  return { status: "warn", observed, remedy };
}

/** It does not work. */
export function fail(observed: string, remedy: string): Verdict {
  return { status: "fail", observed, remedy };
}
