import { defineConfig } from "vitest/config";
import tests from "./vitest.config.ts";

/** The slow proofs: minutes of load and many killed processes. One at a time, so that they do not measure each other. */
export default defineConfig({
  ...tests,
  test: {
    ...tests.test,
    include: ["test/**/*.proof.ts"],
    testTimeout: 10 * 60_000,
    hookTimeout: 2 * 60_000,
    fileParallelism: false,
  },
});
