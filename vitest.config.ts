import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/** `LOCKKEEPER_DIST` names the compiled sources to test instead: a broken variant that some test must catch. */
const dist = process.env["LOCKKEEPER_DIST"] ?? fileURLToPath(new URL("./dist", import.meta.url));

/** Tests are typed against the sources and run against what ships: `../src/x.ts` is `dist/x.js`. */
export default defineConfig({
  resolve: { alias: [{ find: /^(?:\.\.\/)+src\/(.*)\.ts$/, replacement: `${dist}/$1.js` }] },
  test: {
    pool: "forks",
    globalSetup: ["test/support/global-setup.ts"],
    // Node loads what was compiled, as it does for users: vite would transform each of its modules anew for each test file.
    server: { deps: { external: [/\/dist\//] } },
    include: ["test/**/*.test.ts"],
    // Three files at a time also on two cores: most tests wait for processes, locks and disks, and none asserts a time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
