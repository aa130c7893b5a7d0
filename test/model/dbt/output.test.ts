import { describe, expect, test } from "vitest";
import { errorIn, oneLine } from "../../../src/model/dbt/output.ts";

describe("what dbt ended of", () => {
  test("stands behind its heading, whatever the colours, and before Python's own words", () => {
    expect(
      errorIn(
        "\u001B[0m22:06:13  Running with dbt=1.11.16\n\u001B[0m22:06:18  Encountered an error:\nCompilation Error in model dim_user (models/dim_user.sql)\n  unexpected '}', expected ')'\n    line 1\n      select {{ nothing( }}\n",
      ),
    ).toBe(
      "Compilation Error in model dim_user (models/dim_user.sql)\n  unexpected '}', expected ')'\n    line 1\n      select {{ nothing( }}",
    );
    expect(
      errorIn(
        "Encountered an error:\r\nIO Error: no\r\n\tIs it there?\r\n\r\n22:06:06  Traceback (most recent call last):\r\n  File x\r\nValueError: y\r\n",
      ),
    ).toBe("IO Error: no\n\tIs it there?");
  });

  test("a disk that is full keeps dbt from its log, too", () => {
    const output =
      "Encountered an error:\n[Errno 28] No space left on device\n--- Logging error ---\nTraceback (most recent call last):\n";
    expect(errorIn(output)).toBe("[Errno 28] No space left on device");
  });

  test("of two commands it is the last one's", () => {
    expect(errorIn("Encountered an error:\nfirst\nEncountered an error:\nsecond")).toBe("second");
  });

  test.each([["", "Done. PASS=1", "a model that says Encountered an error: in its middle", "Encountered an error:\n\n"]])(
    "nothing of the kind is nothing: %j",
    (...outputs) => {
      expect(outputs.map(errorIn)).toEqual(outputs.map(() => undefined));
    },
  );
});

describe("a message on one line", () => {
  test("has three lines at most, and 500 characters", () => {
    expect(oneLine("  one\n   two \n\n three\nfour\n")).toBe("one two three");
    expect(oneLine("x".repeat(600))).toHaveLength(501);
  });

  test.each([
    ["host=h password=geheim dbname=x", "host=h password=… dbname=x"],
    [`at "host=h PASSWORD='ge he\\'im'": refused`, `at "host=h PASSWORD=…": refused`],
    [`at "host=h password=geheim": refused`, `at "host=h password=…": refused`],
    ["postgresql://me:ge:heim@h:5432/x", "postgresql://me:…@h:5432/x"],
    ["https://h:80/a?b=c@d", "https://h:80/a?b=c@d"],
  ])("shows no password: %s", (said, shown) => {
    expect(oneLine(said)).toBe(shown);
  });
});
