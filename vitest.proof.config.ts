import { defineConfig } from "vitest/config";
import tests from "./vitest.config.ts";

const slow = { ...tests.test, testTimeout: 10 * 60_000, hookTimeout: 2 * 60_000 };
/** One measures the memory of readers; the other's readers let go of a slot within a time, as its rule for foreign writers says. */
const measuring = ["test/load/switches.proof.ts", "test/load/foreign-writer.proof.ts"];

/**
 * The slow proofs: minutes of load and many killed processes. Those that measure run by themselves, one at a time; the others three files at a time, for
 * most of them wait for processes to start, and none asserts a time.
 */
export default defineConfig({
  ...tests,
  test: {
    sequence: tests.test?.sequence ?? {},
    projects: [
      {
        resolve: tests.resolve ?? {},
        test: { ...slow, name: "load", include: measuring, maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: 0 } },
      },
      {
        resolve: tests.resolve ?? {},
        test: {
          ...slow,
          name: "proof",
          include: ["test/**/*.proof.ts"],
          exclude: measuring,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
