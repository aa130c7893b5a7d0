// @ts-check
import { isDeepStrictEqual } from "node:util";

/** @typedef {Record<string, Record<string, unknown>>} Truth what each URL is to answer, by the months, or weeks, that a release holds */
/** @typedef {{ url: string, release: string, months: number | undefined, answer: unknown, expected: unknown }} Mismatch */
/** @typedef {{ url: string, answer: Record<string, unknown>, count: number }} Counted equal answers to one URL */

/** Mismatches that are kept for the report; all are counted. */
const mismatchesKept = 3;

/**
 * Compares answers with the truth of the release they say they are from. An answer can arrive before anybody said what its
 * release holds: it waits, counted, until `announce` names the months.
 *
 * @param {Truth} truth
 */
export function createVerifier(truth) {
  /** @type {Map<string, number>} months by release */
  const announced = new Map();
  /** @type {Map<string, Map<string, Counted>>} by release, then URL and text */
  const waiting = new Map();
  /** @type {{ verified: number, mixed: number, mismatches: Mismatch[] }} */
  const tally = { verified: 0, mixed: 0, mismatches: [] };

  /**
   * @param {string} release
   * @param {Counted} counted
   */
  function judge(release, { url, answer, count }) {
    const months = announced.get(release);
    const { release: _release, dbVersion: _version, ...data } = answer;
    const expected = months === undefined ? undefined : truth[months]?.[url];
    if (isDeepStrictEqual(data, expected)) {
      tally.verified += count;
      return;
    }
    tally.mixed += count;
    if (tally.mismatches.length < mismatchesKept) tally.mismatches.push({ url, release, months, answer: data, expected });
  }

  return {
    /**
     * Takes one answer's text. Throws when it is not JSON or names no release.
     *
     * @param {string} url
     * @param {string} text
     * @returns {{ release: string, version: number }}
     */
    take(url, text) {
      const answer = JSON.parse(text);
      const { release, dbVersion } = answer;
      if (typeof release !== "string" || !Number.isSafeInteger(dbVersion)) throw new Error(`${url}: the answer names no release`);
      if (announced.has(release)) {
        judge(release, { url, answer, count: 1 });
      } else {
        const answers = waiting.get(release) ?? new Map();
        waiting.set(release, answers);
        const key = `${url}\n${text}`;
        const seen = answers.get(key) ?? { url, answer, count: 0 };
        answers.set(key, { ...seen, count: seen.count + 1 });
      }
      return { release, version: dbVersion };
    },
    /**
     * Says what a release holds; judges the answers that waited for it.
     *
     * @param {string} release
     * @param {number} months
     */
    announce(release, months) {
      announced.set(release, months);
      for (const counted of waiting.get(release)?.values() ?? []) judge(release, counted);
      waiting.delete(release);
    },
    /** Counts so far; `unverified` answers named a release that nobody has announced. */
    counts() {
      let unverified = 0;
      for (const answers of waiting.values()) for (const { count } of answers.values()) unverified += count;
      return { ...tally, unverified };
    },
  };
}
