import { defineConfig } from "vitest/config";
import tests from "./vitest.config.ts";

const slow = { ...tests.test, testTimeout: 10 * 60_000, hookTimeout: 2 * 60_000 };
const measuring = "test/load/*.proof.ts";

/**
 * The slow proofs: minutes of load and many killed processes. Those that measure memory run by themselves, one at a time; the others two files at a time, for
 * most of them wait for processes to start, and none asserts a time.
 */
export default defineConfig({
  ...tests,
  test: {
    projects: [
      {
        resolve: tests.resolve ?? {},
        test: { ...slow, name: "load", include: [measuring], maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 0 } },
      },
      {
        resolve: tests.resolve ?? {},
        test: {
          ...slow,
          name: "proof",
          include: ["test/**/*.proof.ts"],
          exclude: [measuring],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
