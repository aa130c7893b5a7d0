import type { Variant } from "./variant.ts";

const watch = "test/server/alarms/watch.test.ts";

/** What a server tells of its release, and what makes it look sick. */
export const serving: readonly Variant[] = [
  {
    name: "an alarm that takes a reader for whole because it answers",
    edits: [
      {
        file: "server/alarms/watch.ts",
        find: "    if (status === undefined || status.ok) watched.behindSinceMs = undefined;\n",
        replace: '    if (status === undefined || status.mode === "manifest") watched.behindSinceMs = undefined;\n',
      },
    ],
    caughtBy: { file: watch, title: "a release that cannot be opened: failing, then behind" },
    says: /AssertionError/,
  },
  {
    name: "an alarm that one look raises and another clears",
    edits: [
      {
        file: "server/alarms/latch.ts",
        find: "    if (this.#seen?.level !== level) {\n      this.#seen = { level, at: now };\n      return undefined;\n    }\n",
        replace: "    this.#seen ??= { level, at: now };\n",
      },
    ],
    caughtBy: { file: watch, title: "a reader that catches up clears its alarms" },
    says: /AssertionError/,
  },
  {
    name: "an age that is judged when the column was read, and never again",
    edits: [
      {
        file: "server/alarms/ages.ts",
        find: "    const now = this.#tools.now();\n    const verdicts =",
        replace: "    const now = (this.#judgedAt ??= this.#tools.now());\n    const verdicts =",
      },
      {
        file: "server/alarms/ages.ts",
        find: "  #misses = 0;\n  /** Tells",
        replace: "  #misses = 0;\n  #judgedAt: Date | undefined;\n  /** Tells",
      },
    ],
    caughtBy: { file: watch, title: "data becomes late while it is served" },
    says: /AssertionError/,
  },
  {
    name: "a reader that names a release as served although a newer one is published",
    edits: [
      {
        file: "reader/follower.ts",
        find: "    if (this.#mustWait(seen, minVersion)) return undefined;\n    if (this.#serving.sighting !== seen) this.kick();\n    return",
        replace: "    if (this.#serving.sighting !== seen) this.kick();\n    return",
      },
    ],
    caughtBy: { file: "test/server/answer.test.ts", title: "an answer names its release; what the caller has is 304" },
    says: /AssertionError/,
  },
  {
    name: "an answer kept without its version",
    edits: [
      {
        file: "server/answer.ts",
        find: "  return `${uid} ${version} ${identity}`;",
        replace: "  return `${uid} ${version && 1} ${identity}`;",
      },
    ],
    caughtBy: { file: "test/server/answer.test.ts", title: "a release that is rolled back to is answered with its new version" },
    says: /AssertionError/,
  },
];
