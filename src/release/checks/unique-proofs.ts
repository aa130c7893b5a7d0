import { countIn, type CheckContext } from "./context.ts";
import { isVerdict } from "./measure.ts";
import { familyOf } from "../../model/column-type.ts";

/** A table that is looked at, as SQL, and its key. */
export interface Key {
  readonly source: string;
  readonly columns: readonly string[];
  /** Of the columns. */
  readonly types: readonly string[];
  /** Only rows with a whole key count. */
  readonly filter: string;
}

/** Rows that are looked at first: they tell a table without order, or with many different values, at next to no cost. */
const probeRows = 100_000;

/** Rows for each group from which on a table of groups is small beside one of all keys: it takes a tenth of the time (10 M rows). */
const rowsPerGroupMin = 16;

/** Bits of a bitmap per row that a key of whole numbers may need, and in all: the engine allows a thousand million. */
const bitsPerRowMax = 64;
const bitsMax = 1_000_000_000;

/** Bits of the word that a group of neighbouring whole numbers has. */
const wordBits = 64n;

const wholeNumbers = /^(?:TINYINT|SMALLINT|INTEGER|BIGINT)$/;

/**
 * Whether a way that needs no table of all keys shows that each occurs once; `false` means that it does not show. `rows` of the table, where they are known. Each way is
 * exact: what it takes for different is different.
 */
export async function isSurelyUnique(context: CheckContext, key: Key, rows: number | undefined): Promise<boolean> {
  // Below that, a table of all keys costs no more.
  if (rows === undefined || rows <= probeRows) return false;
  if (
    await isOrdered(context, `SELECT ${key.columns.join(", ")} FROM ${key.source} WHERE ${key.filter} LIMIT ${probeRows}`, key)
  ) {
    if (await isOrdered(context, `SELECT ${key.columns.join(", ")} FROM ${key.source} WHERE ${key.filter}`, key)) return true;
  }
  const divided = await widest(context, key);
  if (divided === undefined) return false;
  if (divided.numbers.count === 0) return true;
  if (await hasFewGroups(context, key, divided)) return fillsWords(context, key, divided);
  return key.columns.length === 1 && fillsBitmap(context, key, divided.numbers);
}

/** Whether each key is greater than the one before it, in whatever order the rows come, or each less: then no two are equal. */
async function isOrdered(context: CheckContext, keys: string, { columns }: Key): Promise<boolean> {
  const before = columns.map((column, index) => `lag(${column}) OVER () AS before_${index}`);
  const aliased = columns.map((column, index) => `${column} AS key_${index}`);
  const [left, right] = [columns.map((_, index) => `key_${index}`), columns.map((_, index) => `before_${index}`)];
  const { rows } = await context.inspection.query(
    `SELECT count(*) FILTER (WHERE ${row(left)} <= ${row(right)}), count(*) FILTER (WHERE ${row(left)} >= ${row(right)})
     FROM (SELECT ${[...aliased, ...before].join(", ")} FROM (${keys})) WHERE before_0 IS NOT NULL`,
    { signal: context.signal },
  );
  return (rows[0] ?? []).some((value) => countIn(value) === 0);
}

function row(columns: readonly string[]): string {
  return columns.length === 1 ? (columns[0] ?? "") : `(${columns.join(", ")})`;
}

/** Whole numbers of one column in the rows with a whole key. */
interface Numbers {
  /** Rows. */
  readonly count: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** A column of whole numbers in a key. */
interface Divided {
  /** Its place in the key. */
  readonly column: number;
  readonly numbers: Numbers;
}

/** The column of whole numbers with the widest range; `undefined` where the key has none. The engine's statistics answer it where the key has no NULL. */
async function widest(context: CheckContext, { source, columns, types, filter }: Key): Promise<Divided | undefined> {
  const whole = columns.flatMap((name, column) => (wholeNumbers.test(types[column] ?? "") ? [{ name, column }] : []));
  const bounds = whole.map(({ name }) => `min(${name}), max(${name})`);
  if (bounds.length === 0) return undefined;
  const { rows } = await context.inspection.query(`SELECT count(*), ${bounds.join(", ")} FROM ${source} WHERE ${filter}`, {
    signal: context.signal,
  });
  const [count, ...ends] = (rows[0] ?? []) as (string | number | null)[];
  const found = whole.map(({ column }, index) => {
    const [low, high] = [BigInt(ends[2 * index] ?? 0), BigInt(ends[2 * index + 1] ?? 0)];
    return { column, numbers: { count: countIn(count), low, high } };
  });
  return found.toSorted((left, right) => (widthOf(left) > widthOf(right) ? -1 : 1))[0];
}

function widthOf({ numbers }: Divided): bigint {
  return numbers.high - numbers.low;
}

/** Whether the words that the column's numbers fall into, for each combination of the other columns, are few beside the rows. */
async function hasFewGroups(context: CheckContext, key: Key, { column, numbers }: Divided): Promise<boolean> {
  const groupsMax = BigInt(Math.floor(numbers.count / rowsPerGroupMin));
  const words = (numbers.high - numbers.low) / wordBits + 2n;
  const areFew = (combinations: number) => BigInt(combinations) * words <= groupsMax;
  if (!areFew(1)) return false;
  const others = key.columns.filter((_, index) => index !== column);
  if (others.length === 0) return true;
  if (!(await areHashable(context, key, column))) return false;
  const rows = `SELECT ${others.join(", ")} FROM ${key.source} WHERE ${key.filter}`;
  const combinations = async (source: string) => {
    const distinct = `SELECT DISTINCT hash(${others.join(", ")}) FROM (${source})`;
    const found = await context.inspection.query(`SELECT count(*) FROM (${distinct})`, { signal: context.signal });
    return countIn(found.rows[0]?.[0]);
  };
  const first = await combinations(`${rows} LIMIT ${probeRows}`);
  // A table of all of them is small as well, unless the first rows are no sample.
  return first * rowsPerGroupMin <= probeRows && areFew(first) && areFew(await combinations(rows));
}

/**
 * Whether equal values of the other columns have equal hashes: of texts with a collation, which the catalogue does not tell, they do not. The engine refuses to compare such
 * a text with two others of different collations.
 */
async function areHashable(context: CheckContext, { source, columns, types }: Key, column: number): Promise<boolean> {
  const others = columns.flatMap((name, index) => (index === column ? [] : [{ name, family: familyOf(types[index] ?? "") }]));
  if (others.some(({ family }) => family === "other")) return false;
  const texts = others.filter(({ family }) => family === "text");
  if (texts.length === 0) return true;
  const compared = texts.map(({ name }) => `${name} = ('' COLLATE nocase) AND ${name} = ('' COLLATE noaccent)`);
  try {
    await context.inspection.query(`SELECT 1 FROM ${source} WHERE ${compared.join(" AND ")} LIMIT 0`, { signal: context.signal });
    return true;
  } catch (error) {
    if (isVerdict(error)) return false;
    throw error;
  }
}

/**
 * A word of 64 bits for each 64 neighbouring numbers and hash of the other columns, a bit for each number: equal keys share a bit, so as many bits as rows means that no
 * two are equal. Different keys whose hashes are equal share one, too: then this shows nothing.
 */
async function fillsWords(context: CheckContext, key: Key, { column, numbers }: Divided): Promise<boolean> {
  const number = `CAST(${key.columns[column] ?? ""} AS BIGINT)`;
  const others = key.columns.filter((_, index) => index !== column);
  const group = others.length === 0 ? `${number} >> 6` : `hash(${[...others, `${number} >> 6`].join(", ")})`;
  const { rows } = await context.inspection.query(
    `SELECT sum(bit_count(word)) FROM (SELECT bit_or(1::UBIGINT << CAST(${number} & 63 AS UBIGINT)) AS word FROM ${key.source} WHERE ${key.filter} GROUP BY ${group})`,
    { signal: context.signal },
  );
  return countIn(rows[0]?.[0]) === numbers.count;
}

/** Whole numbers without big gaps: a bit for each; as many bits as rows means that no two are equal. */
async function fillsBitmap(
  context: CheckContext,
  { source, columns, filter }: Key,
  { count, low, high }: Numbers,
): Promise<boolean> {
  const bits = high - low + 1n;
  if (bits >= BigInt(bitsMax) || bits > BigInt(count) * BigInt(bitsPerRowMax)) return false;
  const { rows } = await context.inspection.query(
    `SELECT bit_count(bitstring_agg(${columns[0] ?? ""}, ${low}, ${high})) FROM ${source} WHERE ${filter}`,
    { signal: context.signal },
  );
  return countIn(rows[0]?.[0]) === count;
}
