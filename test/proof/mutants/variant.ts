/** A broken variant of the sources, and the test that must fail on it. */
export interface Variant {
  /** What is broken: completes "a Lockkeeper with …". */
  readonly name: string;
  /** Each `find` occurs exactly once in its file below `src/`. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  /** The test file, and how the test's title begins, after the fact it may name. */
  readonly caughtBy: { readonly file: string; readonly title: string };
  /** What the failing test says: a variant that fails for another reason is not caught. */
  readonly says: RegExp;
}
