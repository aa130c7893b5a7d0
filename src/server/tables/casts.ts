import type { ServedRelease } from "../answer.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import type { Cast } from "./conditions.ts";

/** Throws `REQUEST_INVALID` that names the filter whose value is not of its column's type. */
export async function assertCasts(
  release: ServedRelease,
  { casts }: { readonly casts: readonly Cast[] },
  signal: AbortSignal,
): Promise<void> {
  if (casts.length === 0) return;
  const terms = casts.map(({ type }, index) => `TRY_CAST($${index + 1}::VARCHAR AS ${type}) IS NULL`);
  const values = casts.map(({ value }) => value);
  const { rows } = await release.query(`SELECT ${terms.join(", ")}`, values, { signal });
  const wrong = casts.find((_, index) => rows[0]?.[index] === true);
  if (wrong)
    throw publicError("REQUEST_INVALID", `${shownName(wrong.name)} is ${shownName(wrong.value)}, which is no ${wrong.type}`);
}
