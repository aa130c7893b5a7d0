import fc from "fast-check";
import { expect, test } from "vitest";
import type { Slot } from "../../src/model/layout.ts";
import type { Reader } from "../../src/reader/reader.ts";
import { fileLocked } from "./support/fake-engine.ts";
import { FakeStore } from "./support/fake-store.ts";

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ act: "publish" } as const) },
  { weight: 6, arbitrary: fc.constant({ act: "ask" } as const) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("wait" as const), ms: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.constantFrom({ act: "garbage" } as const, { act: "remove" } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("opening" as const),
      is: fc.constantFrom("slow", "locked", "overtaken", "stalled", "fine"),
    }),
  },
);

/** A store, a publisher that alternates slots, and what each release holds. */
class World {
  readonly store = new FakeStore();
  readonly contents = new Map<string, string>();
  #slot: Slot = "b";

  publish(): void {
    this.#slot = this.#slot === "a" ? "b" : "a";
    const content = `content ${this.contents.size}`;
    this.contents.set(this.store.publish(this.#slot, content), content);
  }

  /** From now on every opening is like this. */
  opening(is: string): void {
    const { engine, clock } = this.store;
    engine.beforeOpen = () => {};
    engine.afterOpen = () => {};
    if (is === "slow") engine.beforeOpen = () => clock.wait(70);
    if (is === "locked") {
      engine.beforeOpen = ({ path }) => {
        throw fileLocked(path);
      };
    }
    let left = 3;
    if (is === "overtaken") engine.afterOpen = () => void (left-- > 0 && this.publish());
    if (is !== "stalled") return;
    engine.beforeOpen = () => {
      this.publish();
      this.publish();
      engine.beforeOpen = () => clock.wait(70);
    };
  }

  async ask(reader: Reader): Promise<void> {
    const { rows, release } = await reader.query("content");
    expect(rows[0]?.[0]).toBe(this.contents.get(release));
  }
}

test("whatever happens, an answer comes from the release that it names; afterwards the newest serves and nothing is left open", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.constantFrom("strict" as const, "eventual" as const),
      async (steps, freshness) => {
        const world = new World();
        const { store } = world;
        world.publish();
        const reader = await store.open({ freshness, pollMs: 100, waitMs: 300, drainTimeoutMs: 500 });
        reader.on("warning", () => {});
        const asked: Promise<void>[] = [];
        for (const each of steps) {
          if (each.act === "publish") world.publish();
          if (each.act === "ask") asked.push(world.ask(reader));
          if (each.act === "wait") await store.clock.advance(each.ms);
          if (each.act === "garbage") store.platform.write(store.paths.manifest, "{");
          if (each.act === "remove") store.platform.remove(store.paths.manifest);
          if (each.act === "opening") world.opening(each.is);
        }
        await store.clock.until(Promise.all(asked));
        world.opening("fine");
        world.publish();
        await store.clock.advance(31_000);
        expect(reader.status()).toMatchObject({ ok: true, servingVersion: store.version, publishedVersion: store.version });
        expect(store.engine.openNow).toHaveLength(1);
        expect(store.platform.openFiles).toBe(1);
        await store.clock.until(reader.close());
        expect(store.engine.openNow).toHaveLength(0);
        expect(store.platform.openFiles).toBe(0);
        expect(store.clock.pending).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});
