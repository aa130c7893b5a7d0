import { defineConfig } from "vitest/config";
import tests from "./vitest.config.ts";

/** The slow proofs: minutes of load and many killed processes. Two files at a time: most wait for processes to start, and none asserts a time. */
export default defineConfig({
  ...tests,
  test: {
    ...tests.test,
    include: ["test/**/*.proof.ts"],
    testTimeout: 10 * 60_000,
    hookTimeout: 2 * 60_000,
    maxWorkers: 2,
  },
});
