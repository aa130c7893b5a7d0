import type { Variant } from "./variant.ts";

const pipes = "test/cli/pipes.test.ts";
const session = "cli/pipes/session.ts";

/** What an orchestrator is told. */
export const announcing: readonly Variant[] = [
  {
    name: "a materialisation for Dagster before the switch",
    edits: [
      {
        file: session,
        find: '    if (event.kind === "output") return;\n',
        replace: `    if (event.kind === "output") return;
    if (event.kind === "phase" && event.phase === "switch") {
      const [asset_key = ""] = this.#step.assets;
      this.#tell({ method: "report_asset_materialization", params: { asset_key, data_version: null, metadata: {} } });
    }
`,
      },
    ],
    caughtBy: { file: pipes, title: "nothing is materialised before the switch" },
    says: /AssertionError/,
  },
  {
    name: "a materialisation for Dagster of a refused build",
    edits: [
      {
        file: "model/dagster/report.ts",
        find: '  const { release } = result;\n  if (result.outcome !== "switched" || release === undefined) return [];\n',
        replace: "  const { release = null } = result;\n",
      },
    ],
    caughtBy: { file: pipes, title: "a refused build is told by its checks" },
    says: /AssertionError/,
  },
  {
    name: "a session with Dagster that goes on after its end",
    edits: [
      {
        file: session,
        find: "      this.#close(this.#report(made, declared));\n",
        replace: "      this.#close(undefined);\n      this.#report(made, declared);\n",
      },
      {
        file: session,
        find: "    const channel = this.#channel;\n    this.#channel = undefined;\n    try {\n      channel?.end();\n",
        replace: "    try {\n",
      },
    ],
    caughtBy: { file: pipes, title: "is told: phases, warnings" },
    says: /AssertionError/,
  },
  {
    name: "a check that Dagster was promised and is not told",
    edits: [
      {
        file: "model/dagster/checks.ts",
        find: 'if (results.length === 0 && result.outcome === "refused") continue;',
        replace: "if (results.length === 0) continue;",
      },
    ],
    caughtBy: { file: pipes, title: "is told: phases, warnings" },
    says: /AssertionError/,
  },
  {
    name: "a build that inherits the session with Dagster",
    edits: [
      {
        file: "release/build/environment.ts",
        find: "    DAGSTER_PIPES_CONTEXT: undefined,\n    DAGSTER_PIPES_MESSAGES: undefined,\n",
        replace: "",
      },
    ],
    caughtBy: { file: pipes, title: "the build's command does not inherit" },
    says: /AssertionError/,
  },
];
