import { expect, test } from "vitest";
import { startScript } from "../../support/child.ts";

/** A process that does nothing else: what the test runner takes and lets go meanwhile is not in it. */
const script = `
  import { openResidentProbe } from ${JSON.stringify(new URL("../../../soak/lib/resident.mjs", import.meta.url).href)};
  const resident = await openResidentProbe();
  // The lowest of some looks, as those who use the probe take it: V8 gives memory back beside the collection that has found it.
  const floor = async () => {
    let lowest = Infinity;
    for (let look = 0; look < 20; look += 1) lowest = Math.min(lowest, await resident());
    return lowest;
  };
  const held = { bytes: Buffer.alloc(0) };
  const before = await floor();
  held.bytes = Buffer.alloc(256e6, 1);
  const during = await floor();
  held.bytes = Buffer.alloc(0);
  const after = await floor();
  console.log("seen " + JSON.stringify({ before, during, after }));
`;

test("memory that is held counts as needed; what was let go does not, whoever keeps its pages", async () => {
  const line = await startScript(script).line("seen ");
  const { before, during, after } = JSON.parse(line.slice("seen ".length)) as Record<"before" | "during" | "after", number>;
  // 256 MB, less what the start of the process lets go meanwhile.
  expect(during - before).toBeGreaterThan(240e6);
  expect(during - after).toBeGreaterThan(240e6);
});
