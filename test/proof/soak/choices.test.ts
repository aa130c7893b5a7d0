import { expect, test } from "vitest";
import { ordersMax, publisherActions, visits } from "../../../soak/lib/choices.mjs";
import { randomFrom } from "../../../soak/lib/random.mjs";

const take = <T>(from: Iterable<T>, count: number): T[] => {
  const taken: T[] = [];
  for (const value of from) {
    taken.push(value);
    if (taken.length === count) break;
  }
  return taken;
};

test("a seed gives the same choices again; another seed, and another life, others", () => {
  const actions = take(publisherActions("a", 0), 200);
  expect(take(publisherActions("a", 0), 200)).toEqual(actions);
  expect(take(publisherActions("b", 0), 200)).not.toEqual(actions);
  expect(take(publisherActions("a", 1), 200)).not.toEqual(actions);
  expect(take(visits("a"), 50)).toEqual(take(visits("a"), 50));
  expect(take(visits("b"), 50)).not.toEqual(take(visits("a"), 50));
});

test("every kind of action comes, every build has a tag of its own, and only those that are to be refused have too many orders", () => {
  const actions = [0, 1, 2].flatMap((life) => take(publisherActions("a", life), 400));
  expect(new Set(actions.map(({ kind }) => kind)).size).toBe(9);
  const tags = [...actions, ...take(visits("a"), 400)].map(({ content }) => content.tag);
  expect(new Set(tags).size).toBe(tags.length);
  for (const { kind, content } of actions) expect(content.orders > ordersMax).toBe(kind.startsWith("refused"));
  expect(new Set(take(visits("a"), 200).map(({ kind }) => kind)).size).toBe(4);
});

test("a choice is as likely as its weight", () => {
  const random = randomFrom("weights");
  const picked = Array.from({ length: 4000 }, () => random.pick({ often: 3, seldom: 1, never: 0 }));
  const often = picked.filter((key) => key === "often").length;
  expect(often).toBeGreaterThan(2800);
  expect(often).toBeLessThan(3200);
  expect(picked).not.toContain("never");
  const numbers = new Set(Array.from({ length: 500 }, () => random.between(2, 5)));
  expect(numbers).toEqual(new Set([2, 3, 4, 5]));
});
