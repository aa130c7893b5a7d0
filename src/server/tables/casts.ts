import type { ServedRelease } from "../answer.ts";
import { publicError } from "../problem.ts";
import { shownName } from "../route.ts";
import type { Cast } from "./conditions.ts";

/** Texts of which anybody sees that they are of a type: the engine need not be asked, which costs as much as a small query. */
const plain: Readonly<Record<string, RegExp>> = {
  INTEGER: /^-?\d{1,9}$/,
  BIGINT: /^-?\d{1,18}$/,
  HUGEINT: /^-?\d{1,38}$/,
  DOUBLE: /^-?\d{1,15}(\.\d{1,15})?$/,
  DATE: /^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$/,
  BOOLEAN: /^(true|false)$/,
};

/** Throws `REQUEST_INVALID` that names the filter whose value is not of its column's type. */
export async function assertCasts(
  release: ServedRelease,
  { casts }: { readonly casts: readonly Cast[] },
  signal: AbortSignal,
): Promise<void> {
  const unclear = casts.filter(({ type, value }) => !(Object.hasOwn(plain, type) && plain[type]?.test(value)));
  if (unclear.length === 0) return;
  const terms = unclear.map(({ type }, index) => `TRY_CAST($${index + 1}::VARCHAR AS ${type}) IS NULL`);
  const values = unclear.map(({ value }) => value);
  const { rows } = await release.query(`SELECT ${terms.join(", ")}`, values, { signal });
  const wrong = unclear.find((_, index) => rows[0]?.[index] === true);
  if (wrong)
    throw publicError("REQUEST_INVALID", `${shownName(wrong.name)} is ${shownName(wrong.value)}, which is no ${wrong.type}`);
}
