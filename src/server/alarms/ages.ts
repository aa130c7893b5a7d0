import { quoteIdentifier } from "../../engine/duckdb/sql-text.ts";
import { ageAggregates, hasAge, judgeAges, latestNow, seenAges, type FreshRule, type SeenAges } from "../../model/freshness.ts";
import type { BorrowedRelease, Reader } from "../../reader/reader.ts";
import { findColumn, findTable } from "../../release/checks/context.ts";
import { isVerdict } from "../../release/checks/measure.ts";
import type { ServedRelease } from "../answer.ts";
import { asLockkeeperError } from "../problem.ts";
import { tableName, type Catalogues } from "../tables/catalogue.ts";
import type { Trouble } from "./alarm.ts";

/** Values from the future become the present some day: a column that has some is read again this often. Milliseconds. */
const readAgainMs = 60_000;

/** Readings that fail in a row for reasons of the moment before the age counts as unknown: else it would be so in silence, for ever. */
const missesMax = 3;

/** What ages are read with. */
export interface AgeTools {
  readonly catalogues: Catalogues;
  readonly now: () => Date;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

type Found = SeenAges | { readonly problem: string };

interface Ages {
  readonly found: readonly { readonly rule: FreshRule; readonly found: Found }[];
  readonly readAgainAtMs: number;
}

/** How old the served data of one store is, by its `fresh` checks: columns are read once a release, then only compared with the clock. */
export class StoreAges {
  readonly #rules: readonly FreshRule[];
  readonly #tools: AgeTools;
  #ages: Ages | undefined;
  #reading: Promise<void> | undefined;
  #misses = 0;
  /** Tells readings of different releases apart. */
  #release = 0;

  constructor(rules: readonly FreshRule[], tools: AgeTools) {
    this.#rules = rules;
    this.#tools = tools;
  }

  /** Another release serves from now on. */
  forget(): void {
    this.#release += 1;
    this.#ages = undefined;
    this.#misses = 0;
  }

  /** Reads what is to be read, in the background; what it cannot read for reasons of the moment it tries again at the next look. */
  look(reader: Reader): void {
    if (this.#rules.length === 0 || this.#reading) return;
    if (this.#ages && this.#tools.now().getTime() < this.#ages.readAgainAtMs) return;
    this.#reading = this.#read(reader)
      .catch((error: unknown) => this.#miss(asLockkeeperError(error).code))
      .finally(() => (this.#reading = undefined));
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  /** Whether the data is too old now, by the worst of the checks; `unread` where that is not known yet. */
  trouble(): Trouble | "unread" | undefined {
    if (this.#rules.length === 0) return undefined;
    if (!this.#ages) return "unread";
    const now = this.#tools.now();
    const verdicts = this.#ages.found.map(({ rule, found }) => judge(rule, found, now));
    const failed = verdicts.filter(({ status }) => status === "fail");
    if (failed.length === 0) return undefined;
    const level = failed.some(({ severity }) => severity === "error") ? "fail" : "warn";
    return { level, detail: failed.map(({ message }) => message).join("; ") };
  }

  async #read(reader: Reader): Promise<void> {
    const release = this.#release;
    const now = this.#tools.now();
    const found = await reader.borrow(
      (borrowed) =>
        Promise.all(this.#rules.map(async (rule) => ({ rule, found: await this.#seeOrProblem(borrowed, rule, now) }))),
      { signal: this.#tools.closing },
    );
    if (release !== this.#release) return;
    this.#misses = 0;
    const ahead = found.some((each) => "ahead" in each.found && each.found.ahead > 0);
    this.#ages = { found, readAgainAtMs: ahead ? now.getTime() + readAgainMs : Infinity };
  }

  #miss(code: string): void {
    this.#misses += 1;
    if (this.#misses < missesMax) return;
    const problem = `cannot be read (${code})`;
    this.#ages = { found: this.#rules.map((rule) => ({ rule, found: { problem } })), readAgainAtMs: -Infinity };
  }

  async #seeOrProblem(release: BorrowedRelease, rule: FreshRule, now: Date): Promise<Found> {
    try {
      const { catalogues, closing: signal } = this.#tools;
      return await readAge(release, rule, { catalogues, now, signal });
    } catch (error) {
      if (!isVerdict(error)) throw error;
      return { problem: `cannot be read (${error.code})` };
    }
  }
}

/** What is seen of a rule's column in a release, or why nothing is. Throws what queries throw. */
export async function readAge(
  release: ServedRelease,
  rule: FreshRule,
  tools: ReadTools,
): Promise<SeenAges | { readonly problem: string }> {
  const tables = await tools.catalogues.tables(release);
  const found = findTable(tables, rule.table);
  const table = tables.find((each) => each === found);
  const column = table && findColumn(table, rule.column);
  if (!table || !column) return { problem: "is not in the release that serves" };
  if (!hasAge(column.type)) return { problem: `is ${column.type}, which has no age` };
  const aggregates = ageAggregates(quoteIdentifier(column.name), latestNow(tools.now, column.type));
  const sql = `SELECT ${aggregates.join(", ")} FROM ${tableName(table)}`;
  const { rows } = await release.query(sql, [], { signal: tools.signal });
  return seenAges(rows[0] ?? []);
}

/** What an age is read with. */
export interface ReadTools {
  readonly catalogues: Catalogues;
  readonly now: Date;
  readonly signal: AbortSignal;
}

function judge(rule: FreshRule, found: Found, now: Date) {
  if (!("problem" in found)) return judgeAges(rule, found, now.getTime());
  const message = `${rule.table}.${rule.column} ${found.problem}, so its age is unknown`;
  return { status: "fail", severity: rule.severity, message } as const;
}
