import { beforeEach, expect, test } from "vitest";
import { createVerifier } from "../../examples/lib/verifier.mjs";

const url = "/api/delays/monthly";
const january = { month: 1, flights: 10, late: 2, delayMinutes: 50 };
const february = { month: 2, flights: 20, late: 5, delayMinutes: -7 };
const truth = {
  1: { [url]: { months: [january], total: { flights: 10, late: 2, delayMinutes: 50 } } },
  2: { [url]: { months: [january, february], total: { flights: 30, late: 7, delayMinutes: 43 } } },
};

let verifier: ReturnType<typeof createVerifier>;
beforeEach(() => {
  verifier = createVerifier(truth);
});

function answer(release: string, data: unknown): string {
  return JSON.stringify({ release, dbVersion: 7, ...(data as object) });
}

test("an answer equal to the truth of the release it names is verified", () => {
  verifier.announce("r000002", 2);
  expect(verifier.take(url, answer("r000002", truth[2][url]))).toEqual({ release: "r000002", version: 7 });
  expect(verifier.counts()).toMatchObject({ verified: 1, mixed: 0, unverified: 0 });
});

test("an answer whose two queries come from two releases is mixed", () => {
  verifier.announce("r000001", 1);
  verifier.announce("r000002", 2);
  const torn = { months: truth[1][url].months, total: truth[2][url].total };
  verifier.take(url, answer("r000001", torn));
  verifier.take(url, answer("r000002", torn));
  expect(verifier.counts()).toMatchObject({ verified: 0, mixed: 2 });
  expect(verifier.counts().mismatches[0]).toMatchObject({
    url,
    release: "r000001",
    months: 1,
    answer: torn,
    expected: truth[1][url],
  });
});

test("a whole answer under the name of another release is mixed", () => {
  verifier.announce("r000001", 1);
  verifier.take(url, answer("r000001", truth[2][url]));
  expect(verifier.counts()).toMatchObject({ verified: 0, mixed: 1 });
});

test("answers of a release that nobody has announced wait, counted, and are judged when it is", () => {
  verifier.take(url, answer("r000002", truth[2][url]));
  verifier.take(url, answer("r000002", truth[2][url]));
  verifier.take(url, answer("r000002", truth[1][url]));
  expect(verifier.counts()).toMatchObject({ verified: 0, mixed: 0, unverified: 3 });
  verifier.announce("r000002", 2);
  expect(verifier.counts()).toMatchObject({ verified: 2, mixed: 1, unverified: 0 });
});

test("an answer to a question that has no truth is mixed, never passed", () => {
  verifier.announce("r000001", 1);
  verifier.take("/api/unknown", answer("r000001", {}));
  verifier.announce("r000009", 9);
  verifier.take(url, answer("r000009", truth[2][url]));
  expect(verifier.counts()).toMatchObject({ verified: 0, mixed: 2 });
});

test.each([
  ["no JSON", "<html>"],
  ["no release", JSON.stringify({ dbVersion: 1 })],
  ["no version", JSON.stringify({ release: "r000001" })],
  ["a version that is no integer", JSON.stringify({ release: "r000001", dbVersion: "1" })],
])("an answer with %s is thrown out", (_what, text) => {
  expect(() => verifier.take(url, text)).toThrow(/JSON|names no release/);
});
