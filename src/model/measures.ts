import { z } from "zod";

/** What the number counts that a schema makes of a text: who shows a configuration cannot tell it from the number. */
export const measures = z.registry<{ readonly of: "milliseconds" | "bytes" }>();
