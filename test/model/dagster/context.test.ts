import { describe, expect, it } from "vitest";
import {
  declaredChecks,
  parseContext,
  parseContextPlace,
  parseMessagesPlace,
  type StepContext,
} from "../../../src/model/dagster/context.ts";

const step = (assets: readonly string[], checks: unknown): StepContext => ({ assets, extras: { lockkeeper: { checks } } });

describe("the context of a step", () => {
  it("lies in a file or in the variable itself", () => {
    expect(parseContextPlace({ path: "/tmp/context" })).toEqual({ path: "/tmp/context" });
    expect(parseContextPlace({ data: { run_id: "1" } })).toEqual({ data: { run_id: "1" } });
  });

  it.each([[{}], [{ path: 3 }], [{ path: "" }], [[]], ["text"], [null], [{ bucket: "b", key: "k" }]])("%j is none", (value) => {
    expect(() => parseContextPlace(value)).toThrow(
      expect.objectContaining({
        code: "USAGE",
        subject: "DAGSTER_PIPES_CONTEXT",
        hint: expect.stringContaining("take both out"),
      }),
    );
  });

  it("has the assets and the extras; an op has no assets", () => {
    const whole = { asset_keys: ["marts"], extras: { a: 1 }, run_id: "1", job_name: null, retry_number: 0, partition_key: null };
    expect(parseContext(whole, "file")).toEqual({ assets: ["marts"], extras: { a: 1 } });
    expect(parseContext({ asset_keys: null, extras: {} }, "file")).toEqual({ assets: [], extras: {} });
    expect(parseContext({}, "file")).toEqual({ assets: [], extras: {} });
  });

  it.each([
    [{ asset_keys: "marts" }, "file.asset_keys"],
    [{ asset_keys: [["marts"]] }, "file.asset_keys.0"],
    [{ extras: [] }, "file.extras"],
    [null, "file"],
  ])("%j is none; the message names the field", (value, place) => {
    expect(() => parseContext(value, "file")).toThrow(`${place} `);
  });
});

describe("where messages go", () => {
  it("is a file, a stream, or a stream at the end", () => {
    expect(parseMessagesPlace({ path: "/m", include_stdio_in_messages: false })).toEqual({ kind: "file", path: "/m" });
    expect(parseMessagesPlace({ stdio: "stderr" })).toEqual({ kind: "stream", stream: "stderr", buffered: false });
    expect(parseMessagesPlace({ buffered_stdio: "stdout" })).toEqual({ kind: "stream", stream: "stdout", buffered: true });
  });

  it.each([[{}], [{ stdio: "stdin" }], [{ path: "" }], [null], [{ dagster_pipes_composite_writers: [] }]])(
    "%j is nowhere",
    (value) => {
      expect(() => parseMessagesPlace(value)).toThrow(
        expect.objectContaining({ code: "USAGE", subject: "DAGSTER_PIPES_MESSAGES" }),
      );
    },
  );
});

describe("checks that assets declare", () => {
  it("none unless the step says so", () => {
    expect(declaredChecks({ assets: ["marts"], extras: {} })).toEqual(new Map());
    expect(declaredChecks({ assets: ["marts"], extras: { lockkeeper: {} } })).toEqual(new Map());
    expect(declaredChecks({ assets: [], extras: { other: { checks: 3 } } })).toEqual(new Map());
    for (const nothing of [[], {}, { a: [] }]) expect(declaredChecks(step(["a", "b"], nothing))).toEqual(new Map());
  });

  it("a list is that of the only asset, each name once", () => {
    expect(declaredChecks(step(["db/marts"], ["rows", "views", "rows"]))).toEqual(new Map([["db/marts", ["rows", "views"]]]));
  });

  it("a list for each of several assets", () => {
    expect(declaredChecks(step(["a", "b", "c"], { a: ["x"], b: ["x", "y"] }))).toEqual(
      new Map([
        ["a", ["x"]],
        ["b", ["x", "y"]],
      ]),
    );
  });

  it.each([
    [["a", "b"], ["x"], "the step makes 2 assets"],
    [[], ["x"], "the step makes 0 assets"],
    [["marts"], { mart: ["x"] }, 'the asset "mart", which this step does not make; did you mean "marts"?'],
    [["marts"], { marts: ["a b"] }, "extras.lockkeeper.checks"],
    [["marts"], [3], "extras.lockkeeper.checks"],
    [["marts"], "all", "extras.lockkeeper.checks"],
  ])("of %j, %j is refused", (assets, checks, message) => {
    expect(() => declaredChecks(step(assets, checks))).toThrow(
      expect.objectContaining({ code: "USAGE", message: expect.stringContaining(message) }),
    );
  });

  it("a field that is not known is refused: a slip would declare nothing", () => {
    expect(() => declaredChecks({ assets: ["marts"], extras: { lockkeeper: { check: [] } } })).toThrow("check");
  });
});
