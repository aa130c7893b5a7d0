import { expect, test } from "vitest";
import { startScript } from "../../support/child.ts";

/** A process that does nothing else: what the test runner takes and lets go meanwhile is not in it. */
const script = `
  import { openResidentProbe } from ${JSON.stringify(new URL("../../../soak/lib/resident.mjs", import.meta.url).href)};
  const resident = await openResidentProbe();
  // What the first looks take is there from then on.
  for (let look = 0; look < 5; look += 1) await resident();
  const held = { bytes: Buffer.alloc(0) };
  const before = await resident();
  held.bytes = Buffer.alloc(64e6, 1);
  const during = await resident();
  held.bytes = Buffer.alloc(0);
  // V8 gives memory of buffers back beside the collection that has found them.
  for (let look = 0; look < 5; look += 1) await resident();
  const after = await resident();
  console.log("seen " + JSON.stringify({ before, during, after }));
`;

test("memory that is held counts as needed; what was let go does not, whoever keeps its pages", async () => {
  const line = await startScript(script).line("seen ");
  const { before, during, after } = JSON.parse(line.slice("seen ".length)) as Record<"before" | "during" | "after", number>;
  expect(during - before).toBeGreaterThan(60e6);
  expect(during - after).toBeGreaterThan(60e6);
});
