// @ts-check
/**
 * Chance that can be had again: the same seed and name give the same choices in the same order.
 *
 * @param {string} seed
 */
export function randomFrom(seed) {
  let state = hashOf(seed);
  /** A fraction, at least 0 and below 1 (mulberry32). */
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  /**
   * A whole number from `low` to `high`, both included.
   *
   * @param {number} low
   * @param {number} high
   */
  const between = (low, high) => low + Math.floor(fraction() * (high - low + 1));
  return {
    fraction,
    between,
    /**
     * One of the keys, each as likely as its weight says.
     *
     * @template {string} Key
     * @param {Readonly<Record<Key, number>>} weights
     * @returns {Key}
     */
    pick(weights) {
      const entries = /** @type {[Key, number][]} */ (Object.entries(weights));
      let left = fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        left -= weight;
        if (left < 0) return key;
      }
      throw new Error("nothing to pick from");
    },
  };
}

/** @typedef {ReturnType<typeof randomFrom>} Random */

/**
 * FNV-1a.
 *
 * @param {string} text
 */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
